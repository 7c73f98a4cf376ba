// Live events: of what the caller may see, and of nothing else.
#include <condition_variable>
#include <mutex>

#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::TextAt;
using testing::Contains;
using testing::Not;

constexpr std::chrono::seconds kPatience{30};

class Listener : public http::EventSink {
 public:
  bool Send(std::string_view id, std::string_view event, std::string_view data) override {
    const std::lock_guard lock(mutex_);
    ids_.emplace_back(id);
    heard_.push_back(std::string(event) + std::string(data));
    changed_.notify_all();
    return true;
  }
  void Close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  bool closed() const override {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  // What came until this event, or until patience ends.
  std::vector<std::string> Until(const std::string& last) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] {
      return std::find(heard_.begin(), heard_.end(), last) != heard_.end();
    });
    return heard_;
  }

  // Of what Until gives.
  std::vector<std::string> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_, ids_;
  bool closed_ = false;
};

class EventsTest : public Office {
 protected:
  std::shared_ptr<Listener> Listen(const Session& who, const std::string& last = "") {
    http::Request request;
    if (!last.empty()) request.headers.Set("Last-Event-ID", last);
    const http::Response response = desk_.Send(who, "GET", "/events", std::move(request));
    EXPECT_EQ(response.status, 200) << response.body;
    auto listener = std::make_shared<Listener>();
    if (response.stream) response.stream(listener);
    return listener;
  }
  static std::string Event(const std::string& kind, const std::string& id) {
    return kind + R"({"id":")" + id + R"("})";
  }
};

// Whoever breaks off in the middle of a batch gets all of it again.
TEST_F(EventsTest, OnlyTheLastOfABatchCanBeGoneOnFrom) {
  const auto analyst = Listen(analyst_);
  const std::string before = analyst->ids().front();  // Of the greeting.
  const std::string alert = Event("alert", Send(Draft("GREEN", {"all"})));
  const std::string last = Event("delivery", "nict");
  const std::vector<std::string> heard = analyst->Until(last);
  const auto first = std::find(heard.begin(), heard.end(), alert);
  ASSERT_NE(first, heard.end());
  const auto ids = analyst->ids();
  for (auto at = first - heard.begin(); heard[static_cast<size_t>(at)] != last; ++at) {
    EXPECT_EQ(ids[static_cast<size_t>(at)], "") << heard[static_cast<size_t>(at)];
  }
  EXPECT_NE(ids.back(), "");
  std::vector<std::string> again = Listen(analyst_, before)->Until("hello{}");
  again.insert(again.begin(), "hello{}");
  again.pop_back();
  EXPECT_EQ(again, heard);
}

// After a restore from a backup the numbers of another log are of no use, even where they fit.
TEST_F(EventsTest, AnIdOfAnotherLogOrBeyondTheNewestStartsAnew) {
  const std::string known = Listen(analyst_)->ids().front();
  Send(Draft("GREEN", {"all"}));
  EXPECT_NE(Listen(analyst_, known)->Until("hello{}").front(), "reset{}");
  const std::string log = known.substr(0, known.find('-') + 1);
  const std::string size = known.substr(log.size());
  const std::string other = (log[0] == '0' ? "1" : "0") + known.substr(1);
  for (const std::string& id : {other, size, log + "999999999", log, log + size + "x"}) {
    EXPECT_EQ(Listen(analyst_, id)->Until("hello{}").front(), "reset{}") << id;
  }
}

TEST_F(EventsTest, MarkingsHoldForEventsToo) {
  const auto uncleared =
      Listen(desk_.SignIn("uncleared", "centre", {v1::ROLE_ANALYST, v1::ROLE_APPROVER}));
  const auto cleared = Listen(approver_);
  const auto reader = Listen(reader_);
  const auto member = Listen(liaison_);
  const auto stranger = Listen(other_);
  json::object secret = Draft("AMBER", {"org:moj"});
  secret["circle"] = "council";
  const json::value hidden = Propose(secret);
  const std::string red = Send(Draft("RED", {"org:moj"}));
  const std::string case_id = std::to_string(Report("moj", v1::TLP_RED));
  const json::value question = Post(analyst_, "/cases/" + case_id + "/questions",
                                    json::object{{"organization", "moj"}, {"text", "t"}}, 201);
  const std::string asked = Event("question", TextAt(question, "/question_id"));
  const std::string last = Event("alert", Send(Draft("GREEN", {"all"})));
  const std::string proposed = Event("proposal", TextAt(hidden, "/proposal_id"));

  EXPECT_THAT(cleared->Until(last), Contains(proposed));
  EXPECT_THAT(cleared->Until(last), Contains(asked));
  EXPECT_THAT(uncleared->Until(last), Not(Contains(proposed)));
  EXPECT_THAT(uncleared->Until(last), Contains(Event("alert", red)));
  EXPECT_THAT(reader->Until(last), Contains(last));
  EXPECT_THAT(reader->Until(last), Not(Contains(Event("alert", red))));
  EXPECT_THAT(reader->Until(last), Not(Contains(asked)));
  EXPECT_THAT(reader->Until(last), Not(Contains(Event("case", case_id))));
  EXPECT_THAT(member->Until(last), Contains(Event("alert", red)));
  EXPECT_THAT(member->Until(last), Contains(asked));
  EXPECT_THAT(member->Until(last), Not(Contains(proposed)));
  EXPECT_THAT(stranger->Until(last), Contains(last));
  EXPECT_THAT(stranger->Until(last), Not(Contains(Event("alert", red))));
  EXPECT_THAT(stranger->Until(last), Not(Contains(asked)));
}

}  // namespace
}  // namespace noroshi::api
