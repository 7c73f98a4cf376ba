#include <gtest/gtest.h>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/tls/address.h"
#include "common/tls/token.h"

namespace noroshi::tls {
namespace {

EnrollToken Sample() { return {"hub.example:8443", std::string(32, 'c'), std::string(32, 's')}; }

TEST(TokenTest, ReadsWhatItWrote) {
  const std::string text = MakeToken(Sample()).value();
  EXPECT_EQ(ParseToken(text).value(), Sample());
  EXPECT_EQ(ParseToken("  \n" + text + "\r\n").value(), Sample());
  EXPECT_EQ(text.substr(0, 5), "nrs1_");
}

TEST(TokenTest, LayoutIsFixed) {
  const std::string bytes = std::string(32, 'c') + std::string(32, 's') + "hub.example:8443";
  EXPECT_EQ(MakeToken(Sample()).value(),
            "nrs1_" + ToBase64Url(bytes + Sha256Of(bytes).substr(0, 4)));
}

TEST(TokenTest, EveryCutAndEveryChangedCharacterIsNoticed) {
  const std::string text = MakeToken(Sample()).value();
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(ParseToken(text.substr(0, i)).ok()) << i;
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ParseToken(changed).ok()) << i;
  }
  EXPECT_FALSE(ParseToken(text + "A").ok());
  EXPECT_FALSE(ParseToken(std::string(kTokenTextBytesMax + 1, 'A')).ok());
}

TEST(TokenTest, ErrorsNeverHoldTheToken) {
  const std::string text = MakeToken(Sample()).value();
  const auto result = ParseToken(text.substr(0, text.size() - 1));
  EXPECT_EQ(result.error().message.find(text.substr(5, 20)), std::string::npos);
}

TEST(TokenTest, AddressMustBeOne) {
  EnrollToken token = Sample();
  for (const char* address : {"", "hub", "hub:", "hub:x", "hub:70000", "a b:1", "::1:8443"}) {
    token.hub_address = address;
    EXPECT_FALSE(MakeToken(token).ok()) << address;
  }
}

TEST(AddressTest, FormsThatPeopleWrite) {
  EXPECT_EQ(ParseHostPort("hub.example:8443").value(), (HostPort{"hub.example", 8443}));
  EXPECT_EQ(ParseHostPort("127.0.0.1:0").value(), (HostPort{"127.0.0.1", 0}));
  EXPECT_EQ(ParseHostPort("[2001:db8::7]:1").value(), (HostPort{"2001:db8::7", 1}));
  EXPECT_EQ(ParseHostPort("[2001:db8::7]:1")->ToString(), "[2001:db8::7]:1");
  for (const char* text : {"", ":1", "host", "host:-1", "host:1 ", "[::1]", "[x]:1", "ho st:1"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
  EXPECT_FALSE(ParseHostPort(std::string(254, 'a') + ":1").ok());
}

TEST(AddressTest, ACustomersNetworkIsOne) {
  EXPECT_EQ(NetworkOf("192.0.2.7:4711"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("[::ffff:192.0.2.7]:4711"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("[2001:db8:0:1:a::b]:1"), NetworkOf("[2001:db8:0:1:c::d]:2"));
  EXPECT_NE(NetworkOf("[2001:db8:0:1::1]:1"), NetworkOf("[2001:db8:0:2::1]:1"));
}

}  // namespace
}  // namespace noroshi::tls
