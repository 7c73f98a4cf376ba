#include "hub/api/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/api/alert_json.h"
#include "hub/api/call.h"
#include "hub/api/questions.h"
#include "hub/api/sessions.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;

constexpr size_t kLogIdPrefixBytes = 8;  // Enough to tell two logs of one hub apart.

bool MaySeeAlert(const store::View& view, const access::Actor& actor, const std::string& id) {
  const auto alert = view.Alert(id);
  if (!alert.ok() || !*alert) return false;
  if (actor.centre || actor.kind == access::Actor::Kind::kLocal) {
    return access::Decide(actor, Deed::kAlertRead, ObjectOf((*alert)->original())).allowed;
  }
  const auto delivery = view.Delivery(id, actor.organization);
  if (!delivery.ok()) return false;
  // That there is an alert is no content: who may have its notice may know of it.
  access::Object object;
  object.received = delivery->has_value();
  return access::Decide(actor, Deed::kAlertRead, object).allowed;
}

// The size of the log that an id of this log tells; nullopt: it is of another one, or none.
std::optional<uint64_t> ReadId(std::string_view id, std::string_view prefix) {
  if (!id.starts_with(prefix)) return std::nullopt;
  id.remove_prefix(prefix.size());
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), size);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return size;
}

}  // namespace

Events::Events(const store::Store* store, std::string_view log_id)
    : store_(store),
      id_prefix_(ToHex(log_id.substr(0, kLogIdPrefixBytes)) + "-"),
      thread_([this] { Run(); }) {
  const std::lock_guard lock(mutex_);
  const auto meta = store_->Snapshot()->Meta();
  if (meta.ok()) forgotten_ = meta->applied();
}

Events::~Events() {
  Stop();
  thread_.join();
}

void Events::Stop() {
  std::vector<Subscriber> subscribers;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    subscribers.swap(subscribers_);
  }
  changed_.notify_all();
  for (const Subscriber& subscriber : subscribers) subscriber.sink->Close();
}

void Events::OnApplied(const engine::Applied& applied) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kEventsWaitingMax) {
    overrun_ = true;
    return;
  }
  const auto add = [&](Kind kind, std::string id) {
    waiting_.push_back({applied.next, kind, std::move(id)});
  };
  for (const uint64_t id : applied.cases) add(Kind::kCase, BigEndian64(id));
  for (const auto& id : applied.alerts) add(Kind::kAlert, id);
  for (const auto& id : applied.questions) add(Kind::kQuestion, id);
  for (const auto& id : applied.samples) add(Kind::kSample, id);
  for (const auto& id : applied.proposals) add(Kind::kProposal, id);
  std::unordered_set<std::string_view> told;
  for (const auto& item : applied.outboxes) {
    if (told.insert(item.organization).second) add(Kind::kDelivery, item.organization);
  }
  if (subscribers_.empty()) {
    Keep(waiting_);  // For those who come back; nobody else wants to hear of it now.
    waiting_.clear();
  } else if (!waiting_.empty()) {
    changed_.notify_one();
  }
}

void Events::Keep(const std::vector<Event>& events) {
  kept_.insert(kept_.end(), events.begin(), events.end());
  while (kept_.size() > kEventsKeptMax) {
    forgotten_ = kept_.front().at;
    kept_.pop_front();
  }
}

void Events::Subscribe(const access::Actor& actor, const std::string& session,
                       const std::string& last, std::shared_ptr<http::EventSink> sink) {
  const auto view = store_->Snapshot();
  const std::lock_guard lock(mutex_);
  if (stop_) return sink->Close();
  const uint64_t newest = kept_.empty() ? forgotten_ : kept_.back().at;
  const std::optional<uint64_t> seen = ReadId(last, id_prefix_);
  if (!last.empty() && (!seen || *seen < forgotten_ || *seen > newest)) {
    sink->Send("", "reset", "{}");
  } else if (!last.empty()) {
    const auto newer =
        std::ranges::find_if(kept_, [seen](const Event& event) { return event.at > *seen; });
    SendAll(*view, actor, std::vector<Event>(newer, kept_.end()), sink.get());
  }
  sink->Send(id_prefix_ + std::to_string(newest), "hello", "{}");
  subscribers_.push_back({actor, session, std::move(sink)});
}

void Events::Run() {
  while (true) {
    std::vector<Event> events;
    bool overrun = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || overrun_ || !waiting_.empty(); });
      if (stop_) return;
      events.swap(waiting_);
      std::swap(overrun, overrun_);
      Keep(events);
      if (overrun) {
        kept_.clear();
        forgotten_ = events.empty() ? forgotten_ : events.back().at;
        for (const Subscriber& subscriber : subscribers_) subscriber.sink->Send("", "reset", "{}");
      }
    }
    Tell(events);
  }
}

void Events::Tell(const std::vector<Event>& events) {
  const auto view = store_->Snapshot();
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [&](Subscriber& subscriber) {
    if (subscriber.sink->closed()) return true;
    if (!Refresh(*view, &subscriber)) {
      subscriber.sink->Close();
      return true;
    }
    SendAll(*view, subscriber.actor, events, subscriber.sink.get());
    return false;
  });
}

// Roles, standing and session as they are now.
bool Events::Refresh(const store::View& view, Subscriber* subscriber) const {
  if (subscriber->session.empty()) return true;  // The admin socket.
  const auto session = view.Session(subscriber->session);
  if (!session.ok() || !*session) return false;
  const auto person = view.Person((*session)->person());
  const auto organization = view.Organization((*session)->organization());
  if (!person.ok() || !*person || !organization.ok() || !*organization) return false;
  if ((*person)->person().disabled() || (*organization)->organization().disabled()) return false;
  subscriber->actor = ActorOf(**person, (*organization)->organization());
  return true;
}

bool Events::May(const store::View& view, const access::Actor& actor, const Event& event) {
  switch (event.kind) {
    case Kind::kCase: {
      const auto row = view.Case(ReadBigEndian64(event.id));
      return row.ok() && *row && access::Decide(actor, Deed::kCaseRead, ObjectOf(**row)).allowed;
    }
    case Kind::kAlert:
      return MaySeeAlert(view, actor, event.id);
    case Kind::kQuestion: {
      const auto row = view.Question(event.id);
      if (!row.ok() || !*row) return false;
      const auto object = ObjectOfQuestion(view, actor, **row);
      return object.ok() && access::Decide(actor, Deed::kQuestionRead, *object).allowed;
    }
    case Kind::kSample: {
      const auto row = view.Sample(event.id);
      if (!row.ok() || !*row) return false;
      access::Object object = OwnedBy((*row)->organization());
      object.tlp = (*row)->handling().tlp();
      if (!(*row)->handling().circle().empty()) {
        object.circles.push_back((*row)->handling().circle());
      }
      return access::Decide(actor, Deed::kSampleRead, object).allowed;
    }
    case Kind::kProposal: {
      const auto row = view.Proposal(event.id);
      return row.ok() && *row &&
             access::Decide(actor, Deed::kAlertRead, ObjectOf((*row)->proposal().alert().alert()))
                 .allowed;
    }
    case Kind::kDelivery:
      return access::Decide(actor, Deed::kDeliveryRead, OwnedBy(event.id)).allowed;
  }
  return false;
}

void Events::SendAll(const store::View& view, const access::Actor& actor,
                     const std::vector<Event>& events, http::EventSink* sink) const {
  const Event* held = nullptr;  // Until it is known whether another one of its batch follows.
  for (const Event& event : events) {
    if (!May(view, actor, event)) continue;
    if (held != nullptr) Send(*held, held->at != event.at, sink);
    held = &event;
  }
  if (held != nullptr) Send(*held, true, sink);
}

void Events::Send(const Event& event, bool is_last, http::EventSink* sink) const {
  static constexpr std::string_view kNames[] = {"case",   "alert",    "question",
                                                "sample", "proposal", "delivery"};
  const bool is_case = event.kind == Kind::kCase;
  std::string id = is_case ? std::to_string(ReadBigEndian64(event.id)) : render::UuidText(event.id);
  if (event.kind == Kind::kDelivery) id = event.id;
  sink->Send(is_last ? id_prefix_ + std::to_string(event.at) : "",
             kNames[static_cast<size_t>(event.kind)], fmt::format(R"({{"id":"{}"}})", id));
}

// ---- the route ----

namespace {

Result<Reply> Stream(Call& call) {
  access::Object own;
  own.owner = call.actor().organization;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(own));
  const std::string* last = call.request().headers.Find("Last-Event-ID");
  http::Response response;
  response.stream_key = call.actor().id;
  response.stream = [events = &call.events(), actor = call.actor(), session = call.session(),
                     seen = last == nullptr ? std::string()
                                            : *last](std::shared_ptr<http::EventSink> sink) {
    events->Subscribe(actor, session, seen, std::move(sink));
  };
  Reply reply;
  reply.raw = std::move(response);
  return reply;
}

}  // namespace

void AddEventRoutes(std::vector<Route>* routes) {
  routes->push_back({"GET",
                     "/events",
                     Deed::kSelf,
                     Stream,
                     "Live events (server-sent) of what the caller may see",
                     "",
                     "",
                     {},
                     Gate::kSession,
                     {},
                     {},
                     "text/event-stream"});
}

}  // namespace noroshi::api
