#include "tests/unit/hub/http/raw_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <chrono>

#include "common/tls/address.h"

namespace noroshi::http {
namespace {

constexpr timeval kPatience{20, 0};

void UsePem(SSL_CTX* context, const testing_support::Credentials& credentials) {
  BIO* chain = BIO_new_mem_buf(credentials.chain_pem.data(), -1);
  X509* leaf = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
  BIO* key_bio = BIO_new_mem_buf(credentials.key_pem.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  EXPECT_EQ(SSL_CTX_use_certificate(context, leaf), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
  X509_free(leaf);
  EVP_PKEY_free(key);
  BIO_free(chain);
  BIO_free(key_bio);
}

sockaddr_in Endpoint(const std::string& host, uint16_t port) {
  sockaddr_in endpoint{};
  endpoint.sin_family = AF_INET;
  endpoint.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, host.c_str(), &endpoint.sin_addr), 1);
  return endpoint;
}

}  // namespace

std::string Answer::Field(const std::string& name) const {
  std::string found;
  for (size_t begin = 0; begin < head.size();) {
    const size_t end = head.find("\r\n", begin);
    const std::string line = head.substr(begin, end - begin);
    if (boost::algorithm::istarts_with(line, name + ": ")) found = line.substr(name.size() + 2);
    begin = end == std::string::npos ? head.size() : end + 2;
  }
  return found;
}

RawClient::RawClient(const std::string& address, const Options& options) {
  const auto parsed = tls::ParseHostPort(address);
  EXPECT_TRUE(parsed.ok());
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  if (options.receive_buffer_bytes > 0) {
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes, sizeof(int));
  }
  if (!options.from.empty()) {
    const sockaddr_in from = Endpoint(options.from, 0);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof(from)), 0);
  }
  const sockaddr_in to = Endpoint(parsed->host, parsed->port);
  EXPECT_EQ(connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  context_ = SSL_CTX_new(TLS_client_method());
  // What the client demands of certificates is tested with common/tls, and with curl.
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_options(context_, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_max_proto_version(context_, options.version_max);
  if (!options.credentials.key_pem.empty()) UsePem(context_, options.credentials);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, descriptor_);
  if (options.handshake) {
    EXPECT_TRUE(Handshake());
  }
}

RawClient::~RawClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close(descriptor_);
}

bool RawClient::Handshake() {
  ERR_clear_error();
  return SSL_connect(ssl_) == 1;
}

bool RawClient::Send(std::string_view bytes) {
  if (bytes.empty()) return true;
  ERR_clear_error();
  size_t written = 0;
  return SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) == 1 && written == bytes.size();
}

bool RawClient::Fill() {
  char piece[16 * 1024];
  size_t got = 0;
  ERR_clear_error();
  errno = 0;
  if (SSL_read_ex(ssl_, piece, sizeof(piece), &got) != 1) {
    timed_out_ = errno == EAGAIN || errno == EWOULDBLOCK;
    EXPECT_FALSE(timed_out_) << "nothing came, and the connection did not end";
    return false;
  }
  buffer_.append(piece, got);
  return true;
}

bool RawClient::Readable(int milliseconds) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wait{descriptor_, POLLIN, 0};
    if (poll(&wait, 1, std::max<int>(0, static_cast<int>(left.count()))) != 1) return false;
    if (SSL_is_init_finished(ssl_) != 1) return true;
    // A ticket for a session is nothing to read.
    char byte;
    size_t got = 0;
    ERR_clear_error();
    fcntl(descriptor_, F_SETFL, O_NONBLOCK);
    const int result = SSL_peek_ex(ssl_, &byte, 1, &got);
    const int why = SSL_get_error(ssl_, result);
    fcntl(descriptor_, F_SETFL, 0);
    if (why != SSL_ERROR_WANT_READ) return true;
  }
}

std::string RawClient::ReadUntil(std::string_view mark) {
  while (true) {
    const size_t found = buffer_.find(mark);
    if (found != std::string::npos) {
      std::string read = buffer_.substr(0, found + mark.size());
      buffer_.erase(0, read.size());
      return read;
    }
    if (!Fill()) return "";
  }
}

Answer RawClient::Read(bool head_request) {
  Answer answer;
  answer.head = ReadUntil("\r\n\r\n");
  if (answer.head.empty()) return answer;
  EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 ")) << answer.head;
  answer.status = std::stoi(answer.head.substr(9, 3));
  const std::string length = answer.Field("Content-Length");
  if (head_request || length.empty()) return answer;
  const size_t size = std::stoul(length);
  while (buffer_.size() < size && Fill()) {
  }
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, answer.body.size());
  return answer;
}

std::string RawClient::ReadToEnd() {
  while (Fill()) {
  }
  return std::exchange(buffer_, "");
}

bool RawClient::Ended() {
  ReadToEnd();
  return !timed_out_;
}

}  // namespace noroshi::http
