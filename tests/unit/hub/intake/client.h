// An agent's side for tests, one blocking call at a time.
#pragma once

#include <memory>
#include <string>

#include "common/tls/stream.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::intake {

class Client {
 public:
  // Connects and shakes hands; a failure is kept and returned by every call.
  Client(const std::string& address, const tls::Context& context);
  ~Client();

  Result<void> Send(const v1::AgentFrame& frame);
  Result<void> SendBytes(const std::string& bytes);
  Result<v1::HubFrame> Receive();
  // Hello, and the Welcome that answers it.
  Result<v1::Welcome> Greet(const v1::Hello& hello = {});
  // Receives until Goodbye; its code, or the error.
  std::string GoodbyeCode();
  bool resumed() const { return resumed_; }

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<tls::TlsStream> stream_;
  wire::FrameDecoder decoder_;
  Result<void> state_;
  bool resumed_ = false;
};

}  // namespace noroshi::intake
