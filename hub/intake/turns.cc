#include "hub/intake/turns.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace noroshi::intake {
namespace asio = boost::asio;

namespace {

// A turn's worth: one TLS record of reports, or so many tiny ones.
constexpr size_t kTurnUnits = 16;
constexpr size_t kUnitBytes = 1024;  // What costs about as much as a record of its own.

}  // namespace

std::shared_ptr<Turns::Party> Turns::Join(const std::string& name) {
  std::weak_ptr<Party>& known = parties_[name];
  if (auto party = known.lock()) return party;
  // Owned by its sessions; the last one takes its name along.
  std::shared_ptr<Party> party(new Party, [this, name](Party* gone) {
    parties_.erase(name);
    delete gone;
  });
  known = party;
  return party;
}

void Turns::List(const std::shared_ptr<Party>& party) {
  if (std::exchange(party->listed, true)) return;
  if (listed_.empty()) asio::post(io_, [this] { Round(); });
  listed_.push_back(party);
}

void Turns::Round() {
  for (const auto& party : std::exchange(listed_, {})) {
    party->listed = false;
    party->spent -= std::min(party->spent, kTurnUnits);
    if (party->spent < kTurnUnits && !party->waiting.empty() && !Blocked(*party)) {
      Turn* next = party->waiting.front();
      party->waiting.pop_front();
      next->wake_->cancel();
    }
    if (party->spent > 0 || (!party->waiting.empty() && !Blocked(*party))) List(party);
  }
}

void Turns::ListWaiting() {
  for (const auto& [name, known] : parties_) {
    const auto party = known.lock();
    if (party != nullptr && !party->waiting.empty() && !Blocked(*party)) List(party);
  }
}

void Turns::OnApplied(uint64_t next) {
  if (lag_.OnApplied(next)) asio::post(io_, [this] { ListWaiting(); });
}

void Turns::Tick() {
  lag_.Tick();
  ListWaiting();
}

Turn::~Turn() {
  Recount(0);  // What nobody waits for any more has no receipt.
  Cancel();
}

bool Turn::MayGo() const {
  return party_->spent < kTurnUnits && party_->waiting.empty() && !turns_.Blocked(*party_);
}

asio::awaitable<void> Turn::Wait() {
  wake_ = std::make_unique<asio::steady_timer>(turns_.io_, asio::steady_timer::time_point::max());
  party_->waiting.push_back(this);
  if (!turns_.Blocked(*party_)) turns_.List(party_);
  co_await wake_->async_wait(asio::as_tuple(asio::use_awaitable));
  wake_.reset();
}

void Turn::Spend(size_t bytes) {
  party_->spent += 1 + bytes / kUnitBytes;
  turns_.List(party_);
}

void Turn::SetUnderWay(size_t count, uint64_t log_size) {
  if (count < under_way_) {
    turns_.lag_.OnReceipted(under_way_ - count, log_size, &party_->receipted);
  }
  Recount(count);
}

void Turn::Recount(size_t under_way) {
  const bool was_blocked = turns_.Blocked(*party_);
  party_->under_way = party_->under_way - under_way_ + under_way;
  under_way_ = under_way;
  if (was_blocked && !turns_.Blocked(*party_) && !party_->waiting.empty()) turns_.List(party_);
}

void Turn::Cancel() {
  if (!wake_) return;
  std::erase(party_->waiting, this);
  wake_->cancel();
}

}  // namespace noroshi::intake
