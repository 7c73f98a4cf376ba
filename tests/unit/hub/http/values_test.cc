// Targets, hosts, fields, events: text in, values out, and back.
#include <gtest/gtest.h>

#include "hub/http/decode.h"
#include "hub/http/events.h"
#include "hub/http/respond.h"

namespace noroshi::http {
namespace {

TEST(TargetTest, DecodesPathAndQuery) {
  const auto target = ParseTarget("/a%20b/%E7%81%AB/?x=1&y=%2F%3d+%2B&&z&=v&x=2", 64);
  ASSERT_TRUE(target.ok()) << target.error().message;
  EXPECT_EQ(target->path, "/a b/火/");
  EXPECT_EQ(target->query,
            (Parameters{{"x", "1"}, {"y", "/= +"}, {"z", ""}, {"", "v"}, {"x", "2"}}));
  EXPECT_EQ(ParseTarget("/", 0)->path, "/");
  EXPECT_EQ(ParseTarget("/+?", 0)->path, "/+");  // A plus is a space in queries only.
}

TEST(TargetTest, HasOneSpellingForAPath) {
  for (const char* raw : {"",
                          "x",
                          "*",
                          "http://h/x",
                          "//x",
                          "/x//y",
                          "/.",
                          "/..",
                          "/./x",
                          "/x/..",
                          "/x/../y",
                          "/%2e",
                          "/%2E%2e/x",
                          "/x/.%2e",
                          "/%2f",
                          "/x%2Fy",
                          "/%5c",
                          "/\\",
                          "/%00",
                          "/%0a",
                          "/%7f",
                          "/%1b",
                          "/%",
                          "/%2",
                          "/%g0",
                          "/%0g",
                          "/% 0",
                          "/x y",
                          "/\xe7\x81\xab",
                          "/%ff",
                          "/%c0%ae",
                          "/%ed%a0%80",
                          "/x#y",
                          "/<",
                          "/\"",
                          "/{",
                          "/|",
                          "/^",
                          "/`",
                          "/[",
                          "/\x7f"}) {
    EXPECT_FALSE(ParseTarget(raw, 64).ok()) << raw;
  }
  for (const char* raw : {"/...", "/.x", "/x.", "/x/", "/~!$&'()*+,;=:@-._", "/%25", "/%2525"}) {
    EXPECT_TRUE(ParseTarget(raw, 64).ok()) << raw;
  }
  EXPECT_EQ(ParseTarget("/%2525", 0)->path, "/%25");  // Decoded once.
}

TEST(TargetTest, RefusesBadQueries) {
  for (const char* raw :
       {"/?%", "/?a=%zz", "/?a=%00", "/?a=%ff", "/?%1b=1", "/?a#b", "/?a b", "/?\xc3\xa9"}) {
    EXPECT_FALSE(ParseTarget(raw, 64).ok()) << raw;
  }
  EXPECT_TRUE(ParseTarget("/?a=%0A%0d%09", 64).ok());  // Texts have lines.
  EXPECT_TRUE(ParseTarget("/?a[]=1|2&b={\"c\"}/../", 64).ok());
}

TEST(HostTest, NamesAndAddresses) {
  EXPECT_EQ(ParseHost("Hub.Example:8444").value(), "hub.example");
  EXPECT_EQ(ParseHost("192.0.2.7").value(), "192.0.2.7");
  EXPECT_EQ(ParseHost("[2001:DB8:0::7]:1").value(), "2001:db8::7");
  EXPECT_FALSE(ParseHost("2001:db8::7").ok());
  EXPECT_FALSE(ParseHost(std::string(256, 'a')).ok());
}

TEST(HeadersTest, NamesHaveNoCase) {
  Headers headers;
  headers.Add("Content-Type", "a");
  headers.Add("content-type", "b");
  EXPECT_EQ(*headers.Find("CONTENT-TYPE"), "a");
  EXPECT_EQ(headers.Count("Content-type"), 2U);
  headers.Set("CONTENT-type", "c");
  EXPECT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers.Find("Content"), nullptr);
}

TEST(RequestTest, CookiesAreFoundUnlessDoubled) {
  Request request;
  request.headers.Add("Cookie", "a=1; session=x=y;b=2");
  request.headers.Add("cookie", " c=3");
  EXPECT_EQ(request.Cookie("session"), "x=y");
  EXPECT_EQ(request.Cookie("a"), "1");
  EXPECT_EQ(request.Cookie("b"), "2");
  EXPECT_EQ(request.Cookie("c"), "3");
  EXPECT_EQ(request.Cookie("sess"), std::nullopt);
  EXPECT_EQ(request.Cookie(""), std::nullopt);
  request.headers.Add("Cookie", "session=z");
  EXPECT_EQ(request.Cookie("session"), std::nullopt);
}

TEST(ProblemTest, IsRfc9457) {
  const Response response = Problem(404, "there is no \"case\"\n");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(*response.headers.Find("content-type"), "application/problem+json");
  EXPECT_EQ(response.body, R"({"type":"about:blank","title":"Not Found","status":404,)"
                           R"("detail":"there is no \"case\"\n"})");
}

TEST(HeadTest, RefusesWhatCannotBeSent) {
  const auto ok = [](const Response& response) { return HeadOf(response, {}).ok(); };
  Response response;
  EXPECT_TRUE(ok(response));
  for (const int status : {0, 100, 101, 199, 600, -1}) {
    response.status = status;
    EXPECT_FALSE(ok(response)) << status;
  }
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"X", "a\r\nb"},
                                                        {"X", "a\nb"},
                                                        {"X", std::string("a\0b", 3)},
                                                        {"X", "\x7f"},
                                                        {"X\r\nY", "a"},
                                                        {"X Y", "a"},
                                                        {"X:", "a"},
                                                        {"", "a"},
                                                        {"content-length", "1"},
                                                        {"Transfer-Encoding", "chunked"},
                                                        {"CONNECTION", "close"},
                                                        {"Date", "now"}}) {
    Response bad;
    bad.headers.Add(name, value);
    EXPECT_FALSE(ok(bad)) << name << ": " << value;
  }
}

TEST(EventTest, IsEncodedByLines) {
  EXPECT_EQ(EncodeEvent("7", "case", "{}"), "id: 7\nevent: case\ndata: {}\n\n");
  EXPECT_EQ(EncodeEvent("", "", ""), "data: \n\n");
  EXPECT_EQ(EncodeEvent("", "", "a\nb\r\nc\rid: 9\n"),
            "data: a\ndata: b\ndata: c\ndata: id: 9\ndata: \n\n");
  EXPECT_EQ(EncodeEvent("7\nevent: x", "", "a"), "");
  EXPECT_EQ(EncodeEvent("", "x\rdata: y", "a"), "");
  EXPECT_EQ(EncodeEvent(std::string_view("\0", 1), "", "a"), "");
}

TEST(EventStreamTest, HoldsItsMaximumAndIsCutByOneMore) {
  const std::string one = EncodeEvent("", "", "x");
  int woken = 0;
  EventStream stream(2 * one.size(), [&] { ++woken; });
  EXPECT_TRUE(stream.Send("", "", "x"));
  EXPECT_EQ(stream.Take(), one);  // Being written: counted still.
  EXPECT_TRUE(stream.Send("", "", "x"));
  EXPECT_FALSE(stream.cut());
  EXPECT_FALSE(stream.Send("", "", "x"));
  EXPECT_TRUE(stream.cut());
  EXPECT_TRUE(stream.closed());
  EXPECT_FALSE(stream.Send("", "", "x"));
  EXPECT_EQ(woken, 3);
}

TEST(EventStreamTest, WhatIsWrittenMakesRoom) {
  const std::string one = EncodeEvent("", "", "x");
  EventStream stream(one.size(), nullptr);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(stream.Send("", "", "x"));
    EXPECT_EQ(stream.Take(), one);
    stream.Written();
  }
  stream.Close();
  EXPECT_FALSE(stream.Send("", "", "x"));
  EXPECT_FALSE(stream.cut());
}

TEST(EventStreamTest, RefusedEventsChangeNothing) {
  EventStream stream(100, nullptr);
  EXPECT_FALSE(stream.Send("a\nb", "", "x"));
  EXPECT_TRUE(stream.Send("a", "", "x"));
  EXPECT_FALSE(stream.closed());
}

TEST(StreamCounterTest, CountsAllAndEachKey) {
  Limits limits;
  limits.streams_max = 3;
  limits.streams_per_key_max = 2;
  StreamCounter counter(limits);
  EXPECT_EQ(counter.Open("a"), 0);
  EXPECT_EQ(counter.Open("a"), 0);
  EXPECT_EQ(counter.Open("a"), 429);
  EXPECT_EQ(counter.Open("b"), 0);
  EXPECT_EQ(counter.Open("c"), 503);
  counter.Close("a");
  EXPECT_EQ(counter.Open("c"), 0);
  EXPECT_EQ(counter.open(), 3U);
}

}  // namespace
}  // namespace noroshi::http
