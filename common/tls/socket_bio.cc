#include "common/tls/socket_bio.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace noroshi::tls {
namespace {

struct Socket {
  int descriptor = -1;
  bool drained = false;  // The last read got less than it had room for.
};

Socket* SocketOf(BIO* bio) { return static_cast<Socket*>(BIO_get_data(bio)); }

// Common end of both directions: OpenSSL asks whether to try again.
int Finish(BIO* bio, ssize_t result, int retry_flag) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  }
  if (result == 0 && retry_flag == BIO_FLAGS_READ) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(result);
}

int Write(BIO* bio, const char* data, int size) {
  return Finish(bio,
                ::send(SocketOf(bio)->descriptor, data, static_cast<size_t>(size), MSG_NOSIGNAL),
                BIO_FLAGS_WRITE);
}

int Read(BIO* bio, char* data, int size) {
  Socket* const socket = SocketOf(bio);
  // Nothing is there, most likely: whoever waits for the socket hears of it if there is.
  if (std::exchange(socket->drained, false)) {
    errno = EAGAIN;
    return Finish(bio, -1, BIO_FLAGS_READ);
  }
  const ssize_t got = ::recv(socket->descriptor, data, static_cast<size_t>(size), 0);
  socket->drained = got > 0 && got < size;
  return Finish(bio, got, BIO_FLAGS_READ);
}

long Control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int Destroy(BIO* bio) {
  delete SocketOf(bio);
  BIO_set_data(bio, nullptr);
  return 1;
}

BIO_METHOD* MakeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "noroshi socket");
  NOROSHI_CHECK(method != nullptr);
  BIO_meth_set_write(method, Write);
  BIO_meth_set_read(method, Read);
  BIO_meth_set_ctrl(method, Control);
  BIO_meth_set_destroy(method, Destroy);
  return method;
}

}  // namespace

BioPtr MakeSocketBio(int descriptor) {
  static BIO_METHOD* const method = MakeMethod();  // Lives as long as the process.
  BioPtr bio(BIO_new(method));
  if (bio) {
    BIO_set_data(bio.get(), std::make_unique<Socket>(Socket{descriptor}).release());
    BIO_set_init(bio.get(), 1);
  }
  return bio;
}

}  // namespace noroshi::tls
