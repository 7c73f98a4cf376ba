#include "hub/analysis/host.h"

#include <gtest/gtest.h>

#include <string>

namespace noroshi::analysis {
namespace {

struct Case {
  std::string_view input;
  std::string_view host;  // Empty: a browser refuses it.
};

// In the manner of the cases that browsers are tested with (WHATWG URL).
TEST(HostTest, UrlsAsBrowsersReadThem) {
  constexpr Case kCases[] = {
      {"http://EXAMPLE.com/", "example.com"},
      {"HTTPS://a.example:8443/p?q#f", "a.example"},
      {"https:a.example/x", "a.example"},
      {"https:/a.example/x", "a.example"},
      {"https:///a.example/x", "a.example"},
      {"https:\\\\a.example\\x", "a.example"},
      {"http://good.example\\@evil.example/", "good.example"},
      {"http://good.example@evil.example/", "evil.example"},
      {"http://user:pw@one@evil.example/", "evil.example"},
      {"http://@evil.example/", "evil.example"},
      {"http://a.example?@good.example", "a.example"},
      {"http://a.example#@good.example", "a.example"},
      {"http://a.example:99999/", ""},
      {"http://a.example:8x/", ""},
      {"http://a.example:/", "a.example"},
      {"ws://a.example", "a.example"},
      {"ftp://a.example/", "a.example"},
      {"gopher://a.example/", ""},
      {"javascript:alert(1)", ""},
      {"http://", ""},
      {"http:///", ""},
      {"http://a b/", ""},
      {"http://a<b", ""},
      {"http://a^b", ""},
      {"http://a|b", ""},
      {"http://a%b", ""},
      {"http://a..b/", "a..b"},
      {"http://a.example./", "a.example."},
      {"http://-a_b.example/", "-a_b.example"},
  };
  for (const Case& c : kCases) EXPECT_EQ(HostOf(c.input), c.host) << c.input;
}

TEST(HostTest, PercentEncodingAndInternationalNames) {
  constexpr Case kCases[] = {
      {"ex%41mple.com", "example.com"},
      {"%65%78ample.com", "example.com"},
      {"a%2eb", "a.b"},
      {"a%00b", ""},
      {"a%2fb", ""},
      {"%zz.example", ""},
      {"ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"},
      {"%ef%bc%85%ef%bc%94%ef%bc%91.com", ""},  // Full-width "%41".
      {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
      {"例え。テスト", "xn--r8jz45g.xn--zckzah"},
      {"faß.example", "xn--fa-hia.example"},
      {"BÜCHER.example", "xn--bcher-kva.example"},
      {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
      {"a\u00adb.example", "ab.example"},  // Soft hyphen.
      {"a\u200bb.example", "ab.example"},  // Zero-width space.
      {"a\u200db.example", ""},            // A joiner where none may be.
      {"\xff\xfe.example", ""},
      {"аррӏе.example", "xn--80ak6aa92e.example"},  // Cyrillic.
  };
  for (const Case& c : kCases) EXPECT_EQ(ParseHost(c.input).text, c.host) << c.input;
  EXPECT_TRUE(ParseHost("例え.テスト").idn);
  EXPECT_TRUE(ParseHost("ex%41mple.com").percent_encoded);
}

TEST(HostTest, Ipv4InEveryNotation) {
  constexpr Case kCases[] = {
      {"192.0.2.235", "192.0.2.235"},
      {"192.0.2.235.", "192.0.2.235"},
      {"0xc0.0x0.0x2.0xeb", "192.0.2.235"},
      {"0300.0.02.0353", "192.0.2.235"},
      {"3221226219", "192.0.2.235"},
      {"0xC00002EB", "192.0.2.235"},
      {"192.0.747", "192.0.2.235"},
      {"192.747", "192.0.2.235"},
      {"0x", "0.0.0.0"},
      {"4294967295", "255.255.255.255"},
      {"4294967296", ""},
      {"256.0.0.1", ""},
      {"1.2.3.256", ""},
      {"1.2.3.4.5", ""},
      {"1.2.08.4", ""},
      {"0xg", "0xg"},
      {"1.2.3.4x", "1.2.3.4x"},
      {"a.b.3", ""},
      {"１９２.0.2.1", "192.0.2.1"},
  };
  for (const Case& c : kCases) EXPECT_EQ(ParseHost(c.input).text, c.host) << c.input;
  EXPECT_FALSE(ParseHost("192.0.2.235").odd_ip);
  EXPECT_TRUE(ParseHost("0xC00002EB").odd_ip);
  EXPECT_EQ(ParseHost("192.747").kind, HostKind::kIpv4);
}

TEST(HostTest, Ipv6) {
  constexpr Case kCases[] = {
      {"[2001:DB8::1]", "2001:db8::1"},
      {"[::]", "::"},
      {"[1:0:0:2::3:0]", "1:0:0:2::3:0"},
      {"[2001:db8:0:0:1:0:0:1]", "2001:db8::1:0:0:1"},
      {"[::ffff:192.0.2.1]", "::ffff:c000:201"},
      {"[::192.0.2.01]", ""},
      {"[::192.0.2]", ""},
      {"[1.2.3.4::]", ""},
      {"[1:2:3:4:5:6:7]", ""},
      {"[1:2:3:4:5:6:7:8:9]", ""},
      {"[1::2::3]", ""},
      {"[::12345]", ""},
      {"[::1%25eth0]", ""},
      {"[::1", ""},
      {"[]", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(ParseHost(c.input).text, c.host) << c.input;
}

TEST(HostTest, WhatWasOddIsSaid) {
  EXPECT_TRUE(ReadUrl("http://a@b.example/").credentials);
  EXPECT_FALSE(ReadUrl("http://b.example/a@b").credentials);
  EXPECT_TRUE(ReadUrl("http:\\\\b.example/").backslash);
  EXPECT_TRUE(ReadUrl("http:/b.example/").backslash);
  EXPECT_TRUE(ReadUrl("http://b.example\\x").backslash);
  EXPECT_FALSE(ReadUrl("http://b.example/x").backslash);
  const UrlReading reading = ReadUrl("https://u:p@b.example:1/x");
  EXPECT_EQ(reading.host_begin, 12u);
  EXPECT_EQ(reading.host_end, 21u);
}

TEST(HostTest, RegistrableDomains) {
  constexpr Case kCases[] = {
      {"www.example.co.jp", "example.co.jp"},
      {"a.b.example.com", "example.com"},
      {"www.mof.go.jp", "mof.go.jp"},
      {"x.city.kobe.jp", "city.kobe.jp"},
      {"evil.github.io", "evil.github.io"},
      {"co.jp", ""},
      {"192.0.2.1", ""},
      {"www.xn--r8jz45g.jp", "xn--r8jz45g.jp"},
      {"localhost", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(RegistrableDomain(ParseHost(c.input)), c.host) << c.input;
  EXPECT_TRUE(IsPublicSuffix("jp"));
  EXPECT_TRUE(IsPublicSuffix("co.jp"));
  EXPECT_FALSE(IsPublicSuffix("no-such-suffix"));
}

TEST(HostTest, CanonicalIps) {
  EXPECT_EQ(CanonicalIp("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(CanonicalIp("2001:DB8:0::1"), "2001:db8::1");
  EXPECT_EQ(CanonicalIp("192.0.2"), "");
  EXPECT_EQ(CanonicalIp("192.0.2.256"), "");
  EXPECT_EQ(CanonicalIp("host"), "");
}

TEST(HostTest, LengthBeyondTheMaximum) {
  EXPECT_EQ(ParseHost(std::string(kHostInputBytesMax, 'a')).kind, HostKind::kName);
  EXPECT_EQ(ParseHost(std::string(kHostInputBytesMax + 1, 'a')).kind, HostKind::kNone);
}

}  // namespace
}  // namespace noroshi::analysis
