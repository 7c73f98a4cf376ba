// Bytes into requests: what is refused, however it is cut into pieces.
#include "hub/http/reader.h"

#include <gtest/gtest.h>

namespace noroshi::http {
namespace {

using Stage = RequestReader::Stage;

const std::set<std::string, std::less<>>& Names() {
  static const std::set<std::string, std::less<>> names = {"hub.example"};
  return names;
}

// What becomes of these bytes: the bodies of all requests, then the refusal's status
// (0: none), and where the reader stands.
struct Outcome {
  std::vector<std::string> requests;
  int status = 0;
  Stage stage = Stage::kNothing;

  bool operator==(const Outcome&) const = default;
};

Outcome Read(std::string_view bytes, size_t piece_bytes) {
  const Limits limits;
  RequestReader reader(limits, Names());
  Outcome outcome;
  while (true) {
    if (reader.stage() == Stage::kHeadDone) {
      reader.AllowBody(limits.body_bytes_max);
    } else if (reader.stage() == Stage::kDone) {
      const Request request = reader.Take();
      outcome.requests.push_back(request.method + " " + request.path + " " + request.body);
    } else if (!bytes.empty() && reader.stage() != Stage::kRefused) {
      reader.Receive(bytes.substr(0, piece_bytes));
      bytes.remove_prefix(std::min(bytes.size(), piece_bytes));
    } else {
      break;
    }
  }
  outcome.stage = reader.stage();
  if (outcome.stage == Stage::kRefused) outcome.status = reader.refusal().status;
  return outcome;
}

// The same, whole or byte by byte.
Outcome Read(std::string_view bytes) {
  Outcome whole = Read(bytes, bytes.size() + 1);
  EXPECT_EQ(whole, Read(bytes, 1)) << bytes;
  return whole;
}

std::string Head(const std::string& fields, const std::string& line = "POST /x HTTP/1.1") {
  return line + "\r\nHost: hub.example\r\n" + fields + "\r\n";
}

TEST(RequestReaderTest, RequestsFollowEachOther) {
  const Outcome outcome =
      Read(Head("Content-Length: 3\r\n") + "abc" + Head("", "GET /y HTTP/1.1") +
           Head("transfer-encoding: Chunked\r\n") + "2\r\nde\r\n00\r\nT: x\r\n\r\n" + "GE");
  EXPECT_EQ(outcome.requests, (std::vector<std::string>{"POST /x abc", "GET /y ", "POST /x de"}));
  EXPECT_EQ(outcome.stage, Stage::kHead);
}

TEST(RequestReaderTest, NothingCanBeSmuggled) {
  const std::string smuggled = Head("", "GET /smuggled HTTP/1.1");
  for (const std::string& fields : {
           std::string("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
           std::string("Content-Length: 5\r\nContent-Length: 6\r\n"),
           std::string("Content-Length: 5\r\nContent-Length: 5\r\n"),
           std::string("Content-Length: 5, 5\r\n"),
           std::string("Content-Length: 5 6\r\n"),
           std::string("Content-Length: +5\r\n"),
           std::string("Content-Length: -5\r\n"),
           std::string("Content-Length: 0x5\r\n"),
           std::string("Content-Length:\r\n"),
           std::string("Content-Length: 99999999999999999999999\r\n"),
           std::string("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: chunked, chunked\r\n"),
           std::string("Transfer-Encoding: gzip, chunked\r\n"),
           std::string("Transfer-Encoding: chunked, identity\r\n"),
           std::string("Transfer-Encoding: identity\r\n"),
           std::string("Transfer-Encoding: xchunked\r\n"),
           std::string("Transfer-Encoding: \"chunked\"\r\n"),
           std::string("Transfer-Encoding:\r\n"),
           std::string("Transfer-Encoding:\x0b chunked\r\n"),
           std::string("Transfer-Encoding : chunked\r\n"),
           std::string("Content-Length : 5\r\n"),
           std::string(" Content-Length: 5\r\n"),
           std::string("X: y\r\n Content-Length: 5\r\n"),  // obs-fold
           std::string("X: y\r\n\tz\r\n"),
           std::string("X: y\nContent-Length: 5\r\n"),
           std::string("X: y\rContent-Length: 5\r\n"),
           std::string("X: y\r\r\nContent-Length: 5\r\n"),
           std::string("X: y\0z\r\n", 8),
           std::string("X\0: y\r\n", 7),
           std::string("X: \x7f\r\n"),
           std::string("X: \x1b[2J\r\n"),
           std::string(": y\r\n"),
           std::string("no colon\r\n"),
           std::string("X@: y\r\n"),
           std::string("\xc3\xa9: y\r\n"),
           std::string("Host: hub.example\r\n"),
           std::string("Connection: a b\r\n"),
       }) {
    const Outcome outcome = Read(Head(fields) + "0\r\n\r\n" + smuggled);
    EXPECT_EQ(outcome.status, 400) << fields;
    EXPECT_TRUE(outcome.requests.empty()) << fields;
  }
}

TEST(RequestReaderTest, RequestLinesThatAreNone) {
  const std::pair<std::string, int> lines[] = {
      {"GET /x", 400},
      {"GET  /x HTTP/1.1", 400},
      {" GET /x HTTP/1.1", 400},
      {"GET /x HTTP/1.1 ", 400},
      {"GET /x  HTTP/1.1", 400},
      {"GET\t/x HTTP/1.1", 400},
      {"GET /x\tHTTP/1.1", 400},
      {"G\xc3\xa9T /x HTTP/1.1", 400},
      {"G(T /x HTTP/1.1", 400},
      {"GET /x HTTP/1.0", 505},
      {"GET /x HTTP/0.9", 505},
      {"GET /x HTTP/1.2", 505},
      {"GET /x HTTP/2.0", 505},
      {"GET /x http/1.1", 505},
      {"GET /x HTTP/1.11", 505},
      {"PRI * HTTP/2.0", 505},
      {"get /x HTTP/1.1", 501},
      {"TRACE /x HTTP/1.1", 501},
      {"CONNECT hub.example:443 HTTP/1.1", 501},
      {"GET https://hub.example/x HTTP/1.1", 400},
      {"GET hub.example/x HTTP/1.1", 400},
      {"OPTIONS * HTTP/1.1", 400},
      {"GET //evil.example/x HTTP/1.1", 400},
      {"GET /a/../x HTTP/1.1", 400},
      {"GET /a/%2e%2E/x HTTP/1.1", 400},
      {"GET /x%00 HTTP/1.1", 400},
      {"GET /x%2fy HTTP/1.1", 400},
      {"GET /x%ff HTTP/1.1", 400},
      {"GET /\xc3\xa9 HTTP/1.1", 400},
      {"GET /x#y HTTP/1.1", 400},
      {"", 400},
  };
  for (const auto& [line, status] : lines) {
    const Outcome outcome = Read(Head("", line));
    EXPECT_EQ(outcome.status, status) << line;
    EXPECT_TRUE(outcome.requests.empty()) << line;
  }
}

TEST(RequestReaderTest, BadHeadersAreRefusedBeforeTheyEnd) {
  EXPECT_EQ(Read("GET / HTTP/1.1\n").status, 400);
  EXPECT_EQ(Read("\x16\x03\x01\x02\x00\x01").status, 400);
  EXPECT_EQ(Read("\r\n").status, 400);
  EXPECT_EQ(Read("GET / HTTP/1.1\r\n ").status, 400);
  EXPECT_EQ(Read("GET / HTTP/1.1\r\nX : y\r\n").status, 400);
}

TEST(RequestReaderTest, BadChunksAreRefused) {
  for (const char* body :
       {"g\r\n", "\r\n", "-1\r\n", "5;ext=1\r\nabcde\r\n", "5 \r\nabcde\r\n",
        "5\nabcde\r\n0\r\n\r\n", "5\r\nabcdefg\r\n", "ffffffffffffffffff\r\n", "0;x=y\r\n\r\n",
        "1\r\na\r\n0\r\nbad trailer\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n"}) {
    const Outcome outcome = Read(Head("Transfer-Encoding: chunked\r\n") + body);
    EXPECT_TRUE(outcome.status == 400 || outcome.status == 413) << body;
    EXPECT_TRUE(outcome.requests.empty()) << body;
  }
}

TEST(RequestReaderTest, ChunksAndTheirLimits) {
  const auto chunked = [](const std::string& body) {
    return Read(Head("Transfer-Encoding: chunked\r\n") + body, 16 * 1024);
  };
  // Of six bytes, five are too many.
  const auto tiny = [](size_t chunks) {
    std::string body;
    for (size_t i = 0; i < chunks; ++i) body += "1\r\na\r\n";
    return body + "0\r\n\r\n";
  };
  EXPECT_EQ(chunked(tiny((kChunkOverheadBytesMax - 5) / 4)).requests.size(), 1U);
  EXPECT_EQ(chunked(tiny(kChunkOverheadBytesMax / 4)).status, 400);

  const auto digits = [](size_t count) { return std::string(count, '0') + "\r\n\r\n"; };
  EXPECT_EQ(chunked(digits(kChunkDigitsMax)).requests.size(), 1U);
  EXPECT_EQ(chunked(digits(kChunkDigitsMax + 1)).status, 400);

  const auto trailers = [](size_t bytes) {  // And the empty line.
    return "0\r\nX: " + std::string(bytes - 7, 'y') + "\r\n\r\n";
  };
  EXPECT_EQ(chunked(trailers(kTrailerBytesMax)).requests.size(), 1U);
  EXPECT_EQ(chunked(trailers(kTrailerBytesMax + 1)).status, 400);
}

TEST(RequestReaderTest, TheLastChunkMayComeInPieces) {
  const std::string bytes = Head("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
  for (size_t piece = 1; piece < bytes.size(); ++piece) {
    EXPECT_EQ(Read(bytes, piece).requests, std::vector<std::string>{"POST /x "}) << piece;
  }
}

TEST(RequestReaderTest, EachLimitAndOneMore) {
  const Limits limits;
  const auto fields = [](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += "X: y\r\n";
    return Head(text);  // And Host.
  };
  EXPECT_EQ(Read(fields(limits.headers_max - 1)).requests.size(), 1U);
  EXPECT_EQ(Read(fields(limits.headers_max)).status, 431);

  const size_t rest = Head("X: \r\n").size();
  EXPECT_EQ(
      Read(Head("X: " + std::string(limits.header_bytes_max - rest, 'y') + "\r\n")).requests.size(),
      1U);
  EXPECT_EQ(
      Read(Head("X: " + std::string(limits.header_bytes_max - rest + 1, 'y') + "\r\n")).status,
      431);

  const auto target = [](size_t bytes) {
    return Head("", "GET /" + std::string(bytes - 1, 'y') + " HTTP/1.1");
  };
  EXPECT_EQ(Read(target(limits.target_bytes_max)).requests.size(), 1U);
  EXPECT_EQ(Read(target(limits.target_bytes_max + 1)).status, 414);
  EXPECT_EQ(Read("GET /" + std::string(limits.target_bytes_max + 100, 'y')).status, 414);

  const auto parameters = [](size_t count) {
    std::string query;
    for (size_t i = 0; i < count; ++i) query += "a=b&";
    return Head("", "GET /?" + query + " HTTP/1.1");
  };
  EXPECT_EQ(Read(parameters(limits.parameters_max)).requests.size(), 1U);
  EXPECT_EQ(Read(parameters(limits.parameters_max + 1)).status, 400);
}

TEST(RequestReaderTest, BodiesUpToTheLimitAndOneMore) {
  const size_t max = Limits().body_bytes_max;
  const auto with_length = [](size_t bytes) {
    return Read(Head("Content-Length: " + std::to_string(bytes) + "\r\n") + std::string(bytes, 'b'),
                16 * 1024);
  };
  EXPECT_EQ(with_length(max).requests.size(), 1U);
  EXPECT_EQ(with_length(max + 1).status, 413);
  const auto in_chunks = [](size_t bytes) {
    return Read(
        Head("Transfer-Encoding: chunked\r\n") + "1\r\nb\r\n" +
            [&] {
              char size[32];
              std::snprintf(size, sizeof(size), "%zx", bytes - 1);
              return std::string(size);
            }() +
            "\r\n" + std::string(bytes - 1, 'b') + "\r\n0\r\n\r\n",
        16 * 1024);
  };
  EXPECT_EQ(in_chunks(max).requests.size(), 1U);
  EXPECT_EQ(in_chunks(max + 1).status, 413);
}

}  // namespace
}  // namespace noroshi::http
