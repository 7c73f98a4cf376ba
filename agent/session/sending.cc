// The half of Conversation that decides what goes out next.
#include "agent/session/conversation.h"
#include "common/log/log.h"
#include "common/wire/frame.h"

namespace noroshi::session {
namespace {

// The part of the window that only incidents may use.
constexpr uint64_t kIncidentShare = 4;

}  // namespace

Result<void> Conversation::Rescan() {
  NOROSHI_ASSIGN_OR_RETURN(const auto items, parts_.spool.Waiting());
  for (const spool::Item& item : items) OnSpooled(item);
  return {};
}

void Conversation::OnSpooled(const spool::Item& item) {
  const auto is_item = [&](const auto& entry) { return entry.second == item; };
  if (in_flight_.contains(item.id.bytes())) return;
  if (std::any_of(deferred_.begin(), deferred_.end(), is_item)) return;
  if (std::any_of(held_.begin(), held_.end(), is_item)) return;
  queue_.insert(item);
}

bool Conversation::Drained() const {
  return welcomed_ && queue_.empty() && deferred_.empty() && held_.empty() && in_flight_.empty() &&
         !mark_in_flight_ && !marks_changed_ && !answer_in_flight_ &&
         (!answers_changed_ || !takes_answers_);
}

bool Conversation::Paused(spool::Priority priority) const {
  return parts_.clock.Steady() < paused_until_[static_cast<int>(priority)];
}

std::optional<Conversation::Time> Conversation::NextWake() const {
  std::optional<Time> next;
  const Time now = parts_.clock.Steady();
  const auto consider = [&](Time time) {
    if (!next || time < *next) next = time;
  };
  if (!deferred_.empty()) consider(deferred_.begin()->first);
  if (marks_changed_ && !mark_in_flight_ && mark_not_before_ > now) consider(mark_not_before_);
  if (answers_changed_ && !answer_in_flight_ && takes_answers_ && answer_not_before_ > now)
    consider(answer_not_before_);
  for (const Time paused : paused_until_) {
    if (paused > now && !queue_.empty()) consider(paused);
  }
  return next;
}

// Puts deferred items whose time has come back into the queue.
void Conversation::Release() {
  const Time now = parts_.clock.Steady();
  while (!deferred_.empty() && deferred_.begin()->first <= now) {
    queue_.insert(deferred_.begin()->second);
    deferred_.erase(deferred_.begin());
  }
}

Result<void> Conversation::Fill(std::string* out) {
  NOROSHI_RETURN_IF_ERROR(Settle());
  if (welcomed_ && !renew_only_) {
    NOROSHI_RETURN_IF_ERROR(SendMark());
    NOROSHI_RETURN_IF_ERROR(SendAnswer());
  }
  out->append(control_);
  control_.clear();
  if (!welcomed_ || renew_only_) return {};
  Release();
  while (out->size() < kFillBytes) {
    NOROSHI_ASSIGN_OR_RETURN(const bool sent, SendPiece(out));
    if (!sent) break;
  }
  return {};
}

Result<void> Conversation::SendMark() {
  if (mark_in_flight_ || !marks_changed_ || parts_.clock.Steady() < mark_not_before_) return {};
  marks_changed_ = false;
  NOROSHI_ASSIGN_OR_RETURN(const auto oldest, parts_.marks.Oldest());
  if (!oldest) return {};
  mark_in_flight_ = oldest->first;
  v1::AgentFrame frame;
  *frame.mutable_mark() = oldest->second;
  Send(frame);
  return {};
}

Result<void> Conversation::SendAnswer() {
  if (answer_in_flight_ || !answers_changed_ || !takes_answers_ ||
      parts_.clock.Steady() < answer_not_before_)
    return {};
  answers_changed_ = false;
  NOROSHI_ASSIGN_OR_RETURN(auto oldest, parts_.questions.Oldest(parts_.clock.NowMs()));
  if (!oldest) return {};
  answer_in_flight_ = *Uuid::FromBytes(oldest->question_id());
  v1::AgentFrame frame;
  *frame.mutable_answer() = *std::move(oldest);
  Send(frame);
  return {};
}

// One frame of a submission: incidents first, then chunks of large ones in turn
// with whole small ones. False: nothing may go now.
Result<bool> Conversation::SendPiece(std::string* out) {
  for (Transfer* transfer : partial_) {
    if (transfer->item.priority != spool::Priority::kIncident) continue;
    SendChunk(transfer, out);
    return true;
  }
  NOROSHI_ASSIGN_OR_RETURN(const bool incident, StartNext(/*incident=*/true, out));
  if (incident) return true;
  chunk_turn_ = !chunk_turn_;
  if (chunk_turn_ && !partial_.empty()) {
    SendChunk(partial_.front(), out);
    return true;
  }
  if (partial_.size() < kTransfersMax) {
    NOROSHI_ASSIGN_OR_RETURN(const bool started, StartNext(/*incident=*/false, out));
    if (started) return true;
  }
  if (partial_.empty()) return false;
  SendChunk(partial_.front(), out);
  return true;
}

bool Conversation::Fits(const spool::Item& item) const {
  if (in_flight_.size() >= kInFlightMax) return false;
  if (outstanding_ == 0) return true;  // A window smaller than one submission must not stop it.
  const bool incident = item.priority == spool::Priority::kIncident;
  return outstanding_ + item.bytes <= (incident ? window_ : window_ - window_ / kIncidentShare);
}

// Begins the next submission of its class. False: none may begin now.
Result<bool> Conversation::StartNext(bool incident, std::string* out) {
  const spool::Item first_bulk{spool::Priority::kMail, Uuid(), 0};
  while (true) {
    const auto next = incident ? queue_.begin() : queue_.lower_bound(first_bulk);
    if (next == queue_.end() || (incident && next->priority != spool::Priority::kIncident))
      return false;
    const spool::Item item = *next;
    if (Paused(item.priority) || !Fits(item)) return false;
    queue_.erase(next);
    auto loaded = Load(item);
    if (!loaded.ok()) {
      const ErrorCode code = loaded.error().code;
      // Damaged (and moved aside), too large (and rejected) or gone: the next one.
      if (code == ErrorCode::kCorruption || code == ErrorCode::kInvalid ||
          code == ErrorCode::kNotFound) {
        FreeThread(item.id.bytes());  // Its follow-ups need not wait any more.
        continue;
      }
      return loaded.error();
    }
    Transfer* transfer = loaded->get();
    if (Holds(*transfer)) continue;
    if (!transfer->thread.empty()) busy_threads_[transfer->thread] = item.id.bytes();
    outstanding_ += item.bytes;
    in_flight_[item.id.bytes()] = std::move(loaded).value();
    if (item.bytes > wire::kChunkBytes) {
      partial_.push_back(transfer);
      SendChunk(transfer, out);
      return true;
    }
    v1::AgentFrame frame;
    frame.mutable_submit()->set_submission(transfer->bytes);
    wire::AppendFrame(frame, out);
    transfer->offset = transfer->bytes.size();
    return true;
  }
}

Result<std::unique_ptr<Conversation::Transfer>> Conversation::Load(const spool::Item& item) {
  auto transfer = std::make_unique<Transfer>();
  transfer->item = item;
  NOROSHI_ASSIGN_OR_RETURN(transfer->bytes, parts_.spool.Load(item));
  v1::Submission submission;
  const bool readable = submission.ParseFromString(transfer->bytes);
  if (!readable || submission.id() != item.id.bytes() || transfer->bytes.size() > submission_max_) {
    v1::Rejection rejection;
    rejection.set_code(readable ? "too_large" : "not_a_submission");
    rejection.set_reason("refused by the agent itself: the hub would not take it");
    rejection.set_rule("at most " + std::to_string(submission_max_) +
                       " bytes, readable, with "
                       "the id of its file");
    Log(Level::kError, "submission_unfit", {{"submission", item.id.ToString()}});
    NOROSHI_RETURN_IF_ERROR(parts_.spool.Reject(item, rejection));
    return Error{ErrorCode::kInvalid, "unfit"};
  }
  if (submission.has_incident()) {
    const std::string& thread = submission.incident().thread_id();
    transfer->thread = thread.empty() ? submission.id() : thread;
  }
  return transfer;
}

// Whether an earlier submission of the same thread has not been answered yet;
// then this one waits aside until it is.
bool Conversation::Holds(const Transfer& transfer) {
  if (transfer.thread.empty()) return false;
  const std::string id = transfer.item.id.bytes();
  const auto busy = busy_threads_.find(transfer.thread);
  bool hold = busy != busy_threads_.end() && busy->second != id;
  if (!hold && transfer.thread != id) {
    // The first report itself, should a clock have been set back since.
    const auto first = Uuid::FromBytes(transfer.thread);
    const auto waits =
        first.ok() ? queue_.lower_bound({spool::Priority::kIncident, *first, 0}) : queue_.end();
    if (waits != queue_.end() && waits->id == *first) {
      hold = true;
      busy_threads_[transfer.thread] = transfer.thread;
    }
  }
  if (hold) held_.emplace(transfer.thread, transfer.item);
  return hold;
}

void Conversation::SendChunk(Transfer* transfer, std::string* out) {
  const std::string_view rest = std::string_view(transfer->bytes).substr(transfer->offset);
  const std::string_view piece = rest.substr(0, wire::kChunkBytes);
  v1::AgentFrame frame;
  v1::SubmitChunk& chunk = *frame.mutable_chunk();
  chunk.set_submission_id(transfer->item.id.bytes());
  chunk.set_total_size(transfer->bytes.size());
  chunk.set_offset(transfer->offset);
  chunk.set_data(piece.data(), piece.size());
  wire::AppendFrame(frame, out);
  transfer->offset += piece.size();
  std::erase(partial_, transfer);
  if (transfer->offset < transfer->bytes.size()) partial_.push_back(transfer);
}

// Takes an answered submission out of flight.
std::unique_ptr<Conversation::Transfer> Conversation::Finish(const std::string& id) {
  auto node = in_flight_.extract(id);
  NOROSHI_CHECK(!node.empty());
  std::erase(partial_, node.mapped().get());  // Rejected before its last chunk.
  outstanding_ -= node.mapped()->item.bytes;
  return std::move(node.mapped());
}

void Conversation::FreeThread(const std::string& thread) {
  if (thread.empty()) return;
  busy_threads_.erase(thread);
  const auto [begin, end] = held_.equal_range(thread);
  for (auto entry = begin; entry != end; ++entry) queue_.insert(entry->second);
  held_.erase(begin, end);
}

}  // namespace noroshi::session
