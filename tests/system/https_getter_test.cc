// The requests to an identity provider, against a real TLS server that misbehaves:
// openssl s_server, which sends a file as the whole answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>

#include "common/runtime/descriptor.h"
#include "hub/identity/authority.h"
#include "hub/identity/http.h"
#include "tests/support/assertions.h"
#include "tests/support/temp_dir.h"
#include "tests/system/test_server.h"

namespace noroshi::support {
namespace {

using identity::HttpReply;
using identity::HttpRequest;
using identity::kHttpReplyBytesMax;

class HttpsGetterTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto authority =
        identity::CertificateAuthority::Create(
            {folder_ / "ca", &SystemFileSystem(), &SystemClock(), &SystemRandom()}, "Server")
            .value();
    const auto server = authority->Server({"localhost"}).value();
    WriteFile(folder_ / "ca.pem", authority->ca_pem());
    WriteFile(folder_ / "server.pem", server.key_pem + server.chain_pem);
    // It serves the files of the folder that it runs in.
    ASSERT_OK_AND_ASSIGN(
        server_, StartTestServer({"/usr/bin/env", "-C", folder_.path(), "openssl", "s_server",
                                  "-accept", "127.0.0.1:0", "-cert", folder_ / "server.pem", "-key",
                                  folder_ / "server.pem", "-HTTP"},
                                 folder_ / "log", "ACCEPT 127.0.0.1:"));
    getter_ = identity::MakeHttpsGetter(folder_ / "ca.pem");
  }

  // What comes of a server that answers with these bytes.
  Result<HttpReply> Answered(const std::string& bytes) {
    WriteFile(folder_ / "answer", bytes);
    return getter_->Fetch({"https://localhost:" + server_.port + "/answer", {}, ""});
  }
  static std::string Ok(size_t bytes, bool with_length) {
    return "HTTP/1.0 200 OK\r\n" +
           (with_length ? "Content-Length: " + std::to_string(bytes) + "\r\n" : std::string()) +
           "\r\n" + std::string(bytes, 'x');
  }

  TempDir folder_;
  TestServer server_;
  std::unique_ptr<identity::HttpGetter> getter_;
};

TEST_F(HttpsGetterTest, FetchesOverTls) {
  const auto reply = Answered(Ok(1000, true));
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, std::string(1000, 'x'));
}

TEST_F(HttpsGetterTest, RedirectsAreNotFollowed) {
  const auto reply =
      Answered("HTTP/1.0 302 Found\r\nLocation: https://localhost:" + server_.port + "/x\r\n\r\n");
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->status, 302);
}

TEST_F(HttpsGetterTest, RepliesAreBounded) {
  for (const bool with_length : {true, false}) {
    const auto most = Answered(Ok(kHttpReplyBytesMax, with_length));
    ASSERT_TRUE(most.ok()) << most.error().message;
    EXPECT_EQ(most->body.size(), kHttpReplyBytesMax);
    EXPECT_EQ(Answered(Ok(kHttpReplyBytesMax + 1, with_length)).error().code,
              ErrorCode::kOverloaded);
  }
}

TEST_F(HttpsGetterTest, OnlyTrustedCertificatesForThisName) {
  WriteFile(folder_ / "answer", Ok(1, true));
  const auto by_address = getter_->Fetch({"https://127.0.0.1:" + server_.port + "/answer", {}, ""});
  EXPECT_EQ(by_address.error().code, ErrorCode::kDenied);
  const std::string url = "https://localhost:" + server_.port + "/answer";
  EXPECT_EQ(identity::MakeHttpsGetter("")->Fetch({url, {}, ""}).error().code, ErrorCode::kDenied);
  EXPECT_EQ(identity::MakeHttpsGetter(folder_ / "absent")->Fetch({url, {}, ""}).error().code,
            ErrorCode::kDenied);
}

TEST_F(HttpsGetterTest, OnlyHttps) {
  for (const std::string& url :
       {"http://localhost:" + server_.port + "/answer", std::string("file:///etc/passwd"),
        std::string(),
        "https://localhost:" + server_.port + "/" + std::string(identity::kHttpUrlBytesMax, 'x')}) {
    EXPECT_EQ(getter_->Fetch({url, {}, ""}).error().code, ErrorCode::kInvalid) << url;
  }
}

TEST_F(HttpsGetterTest, TheEnvironmentsProxyIsNotUsed) {
  ASSERT_EQ(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
  EXPECT_TRUE(Answered(Ok(1, true)).ok());
  ASSERT_EQ(unsetenv("https_proxy"), 0);
}

TEST_F(HttpsGetterTest, ErrorsRepeatNoSecret) {
  const auto reply = getter_->Fetch(
      {"https://localhost:1/answer", {{"client_secret", "do not tell"}}, "id:do not tell"});
  EXPECT_EQ(reply.error().code, ErrorCode::kIo);
  EXPECT_EQ(reply.error().message.find("do not tell"), std::string::npos);
}

TEST_F(HttpsGetterTest, WhatIsNoHttpIsAnError) {
  EXPECT_EQ(Answered(std::string(1000, '\0')).error().code, ErrorCode::kIo);
}

TEST_F(HttpsGetterTest, ASilentServerIsNotWaitedForLong) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url = "https://localhost:" + std::to_string(ntohs(address.sin_port)) + "/";
  EXPECT_EQ(getter_->Fetch({url, {}, ""}).error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace noroshi::support
