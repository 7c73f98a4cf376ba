#include "common/tls/socket_bio.h"

#include <sys/socket.h>

#include <cerrno>

namespace noroshi::tls {
namespace {

int Descriptor(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

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
  return Finish(bio, ::send(Descriptor(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL),
                BIO_FLAGS_WRITE);
}

int Read(BIO* bio, char* data, int size) {
  return Finish(bio, ::recv(Descriptor(bio), data, static_cast<size_t>(size), 0), BIO_FLAGS_READ);
}

long Control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* MakeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "noroshi socket");
  NOROSHI_CHECK(method != nullptr);
  BIO_meth_set_write(method, Write);
  BIO_meth_set_read(method, Read);
  BIO_meth_set_ctrl(method, Control);
  return method;
}

}  // namespace

BioPtr MakeSocketBio(int descriptor) {
  static BIO_METHOD* const method = MakeMethod();  // Lives as long as the process.
  BioPtr bio(BIO_new(method));
  if (bio) {
    BIO_set_data(bio.get(), reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)));
    BIO_set_init(bio.get(), 1);
  }
  return bio;
}

}  // namespace noroshi::tls
