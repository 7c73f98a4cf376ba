// The web server and a client that many use: curl.
#include <gmock/gmock.h>

#include "common/runtime/clock.h"
#include "tests/support/assertions.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/hub/http/server_fixture.h"

namespace noroshi::http {
namespace {

using testing::HasSubstr;

// curl has the machine's clock, and so have these certificates.
class CurlTest : public ServerTest {
 protected:
  CurlTest() {
    const testing_support::Credentials own = pki_now_.Server({"hub.example", "127.0.0.1"});
    auto context = tls::Context::MakeWebServer(
        {own.chain_pem, own.key_pem, pki_now_.ca_pem(), &SystemClock()});
    EXPECT_TRUE(context.ok());
    context_ = std::move(*context);
    options_.context = context_.get();
    const testing_support::Credentials agent = pki_now_.Agent({"mof", "agent-1"});
    support::WriteFile(folder_ / "ca.pem", pki_now_.ca_pem());
    support::WriteFile(folder_ / "agent.pem", agent.chain_pem);
    support::WriteFile(folder_ / "agent.key", agent.key_pem);
  }
  ~CurlTest() override { server_.reset(); }

  support::Output Curl(std::vector<std::string> arguments, const std::string& path,
                       const std::string& input = "") {
    arguments.insert(arguments.begin(),
                     {"/usr/bin/curl", "--silent", "--show-error", "--max-time", "20", "--cacert",
                      folder_ / "ca.pem", "--noproxy", "*", "--path-as-is"});
    arguments.push_back("https://" + server_->address() + path);
    auto output = support::RunCommand(arguments, input);
    EXPECT_OK(output);
    return output.ok() ? *output : support::Output{};
  }

  support::TempDir folder_;
  testing_support::TestPki pki_now_{SystemClock().NowMs()};
};

TEST_F(CurlTest, GetsAnAnswerWithItsCertificateVerified) {
  Start();
  const support::Output output = Curl({"--include"}, "/caf%C3%A9?a=b");
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(output.out, HasSubstr("\r\n\r\nGET /café [] a=b"));
}

TEST_F(CurlTest, SendsABodyEitherWay) {
  Start();
  const std::string body(200 * 1024, 'b');  // curl waits for a 100 first.
  EXPECT_EQ(Curl({"--data-binary", "@-"}, "/x", body).out, "POST /x [" + body + "]");
  EXPECT_EQ(Curl({"--data-binary", "@-", "--header", "Transfer-Encoding: chunked"}, "/x", body).out,
            "POST /x [" + body + "]");
}

TEST_F(CurlTest, PresentsACertificate) {
  Start();
  EXPECT_EQ(Curl({"--cert", folder_ / "agent.pem", "--key", folder_ / "agent.key"}, "/x").out,
            "GET /x [] cert=noroshi://mof/agent-1");
}

TEST_F(CurlTest, IsToldWhatIsWrong) {
  Start();
  EXPECT_EQ(Curl({"--tls-max", "1.2"}, "/x").status, 35);
  EXPECT_THAT(Curl({}, "/../../etc/passwd").out, HasSubstr("\"status\":400"));
  EXPECT_THAT(Curl({"--header", "Host: evil.example"}, "/x").out, HasSubstr("\"status\":421"));
  EXPECT_THAT(Curl({"--data-binary", "@-"}, "/x", std::string(2 * kMiB, 'b')).out,
              HasSubstr("\"status\":413"));
}

}  // namespace
}  // namespace noroshi::http
