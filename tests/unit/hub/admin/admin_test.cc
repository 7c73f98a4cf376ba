#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "common/base/encoding.h"
#include "hub/admin/render.h"
#include "hub/admin/socket.h"
#include "hub/render/json.h"

namespace noroshi::admin {
namespace {

namespace json = boost::json;

class SocketTest : public testing::Test {
 protected:
  SocketTest() {
    std::string pattern = testing::TempDir() + "/noroshi-admin-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/admin.sock";
  }
  ~SocketTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SocketServer> Serve(Handler handler) {
    auto server = SocketServer::Start(path_, "", std::move(handler));
    EXPECT_TRUE(server.ok());
    return std::move(*server);
  }

  std::string folder_;
  std::string path_;
};

Result<json::object> Echo(const Caller& caller, const json::object& request) {
  return json::object{{"uid", caller.uid}, {"request", request}};
}

TEST_F(SocketTest, AnswersWithTheCallersIdentity) {
  const auto server = Serve(Echo);
  const auto answer = Call(path_, {{"verb", "狼煙"}}, 5000);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->at("uid").to_number<uid_t>(), geteuid());
  EXPECT_EQ(answer->at("request").at("verb").as_string(), "狼煙");
}

TEST_F(SocketTest, ErrorsKeepCodeAndMessage) {
  const auto server = Serve([](const Caller&, const json::object&) -> Result<json::object> {
    return Error{ErrorCode::kConflict, "there is one already"};
  });
  const auto answer = Call(path_, {{"verb", "x"}}, 5000);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kConflict);
  EXPECT_EQ(answer.error().message, "there is one already");
}

TEST_F(SocketTest, NobodyListeningIsUnavailable) {
  const auto answer = Call(path_, {{"verb", "x"}}, 5000);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST_F(SocketTest, AStaleSocketIsReplacedAndRemovedAtTheEnd) {
  { const auto first = Serve(Echo); }
  EXPECT_FALSE(std::filesystem::exists(path_));
  const auto second = Serve(Echo);
  EXPECT_TRUE(Call(path_, {{"verb", "x"}}, 5000).ok());
}

TEST_F(SocketTest, AnUnknownGroupIsRefusedAtTheStart) {
  const auto server = SocketServer::Start(path_, "no-such-group-here", Echo);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().code, ErrorCode::kNotFound);
}

TEST_F(SocketTest, ARequestJustAboveTheLimitIsRefused) {
  const auto server = Serve(Echo);
  const size_t frame = json::serialize(json::object{{"v", ""}}).size();
  EXPECT_TRUE(Call(path_, {{"v", std::string(kRequestBytesMax - frame, 'a')}}, 5000).ok());
  EXPECT_EQ(Call(path_, {{"v", std::string(kRequestBytesMax - frame + 1, 'a')}}, 5000).error().code,
            ErrorCode::kInvalid);
}

// A client that writes these bytes and closes its writing side.
std::string Raw(const std::string& path, const std::string& bytes) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  shutdown(fd, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd, buffer, sizeof buffer)) > 0;) answer.append(buffer, got);
  close(fd);
  return answer;
}

TEST_F(SocketTest, HostileBytesGetAnErrorAndTheServerGoesOn) {
  std::atomic<int> calls{0};
  const auto server = Serve([&](const Caller& caller, const json::object& request) {
    ++calls;
    return Echo(caller, request);
  });
  std::string deep = std::string(100'000, '[');
  std::string length;
  AppendBigEndian32(static_cast<uint32_t>(deep.size()), &length);
  const std::vector<std::string> attacks = {std::string("\xff\xff\xff\xff", 4),
                                            std::string("\0\0", 2),
                                            std::string("\0\0\0\x02[]", 6),
                                            std::string("\0\0\0\x05hello", 9),
                                            std::string("\0\0\0\x09{\"a\":\"\xff\"}", 13),
                                            length + deep};
  for (const auto& attack : attacks) {
    EXPECT_NE(Raw(path_, attack).find("\"error\""), std::string::npos)
        << ToHex(attack.substr(0, 20));
  }
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(Call(path_, {{"verb", "x"}}, 5000).ok());
}

TEST_F(SocketTest, ConnectionsAboveTheLimitAreTurnedAway) {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool release = false;
  const auto server = Serve([&](const Caller&, const json::object&) -> Result<json::object> {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return release; });
    return json::object();
  });
  std::vector<std::thread> callers;
  std::atomic<int> served{0};
  for (int i = 0; i < kConnectionsMax; ++i) {
    callers.emplace_back([&] { served += Call(path_, {{"verb", "x"}}, 0).ok(); });
  }
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == kConnectionsMax; });
  }
  const auto above = Call(path_, {{"verb", "x"}}, 5000);
  EXPECT_FALSE(above.ok());
  {
    const std::lock_guard lock(mutex);
    release = true;
    changed.notify_all();
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(served, kConnectionsMax);
}

using render::FromWord;
using render::TlpLabel;
using render::Word;

TEST(AdminJsonTest, EnumWordsRoundTrip) {
  EXPECT_EQ(Word(v1::ORGANIZATION_KIND_INCORPORATED_AGENCY), "incorporated_agency");
  EXPECT_EQ(*FromWord<v1::OrganizationKind>("Incorporated-Agency"),
            v1::ORGANIZATION_KIND_INCORPORATED_AGENCY);
  EXPECT_EQ(*FromWord<v1::AlertKind>("early_warning"), v1::ALERT_KIND_EARLY_WARNING);
  EXPECT_EQ(Word(v1::DELIVERY_MARK_NOT_APPLICABLE), "not_applicable");
  const auto wrong = FromWord<v1::AlertKind>("unspecified");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("early_warning"), std::string::npos);
}

TEST(AdminJsonTest, TlpAsFirstWritesIt) {
  EXPECT_EQ(TlpLabel(v1::TLP_AMBER_STRICT), "AMBER+STRICT");
  EXPECT_EQ(TlpLabel(v1::TLP_RED), "RED");
  EXPECT_EQ(*FromWord<v1::Tlp>("AMBER+STRICT"), v1::TLP_AMBER_STRICT);
}

TEST(AdminRenderTest, AHostileTitleStaysInItsRow) {
  const json::object answer{
      {"cases",
       {json::object{{"case_id", 7}, {"kind", "campaign"}, {"title", "x\n8  incident\x1b[2J"}}}}};
  const std::string text = Render("case.list", answer);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace noroshi::admin
