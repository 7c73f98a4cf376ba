#include "hub/app/serve.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string_view>

#include "common/log/log.h"
#include "common/runtime/notify.h"
#include "hub/app/hub.h"

namespace noroshi::app {
namespace {

constexpr int kTendIntervalMs = 3'600'000;

void TellServiceManager(std::string_view state) {
  const auto told = NotifyServiceManager(state);
  if (!told.ok()) Log(Level::kWarning, "notify_failed", {{"reason", told.error().message}});
}

}  // namespace

Result<void> Serve(const ServeOptions& options) {
  // Blocked before any thread starts, so that all of them inherit it and the
  // signals arrive here only.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return ErrnoError("block signals");
  ::signal(SIGPIPE, SIG_IGN);
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC);
  if (descriptor < 0) return ErrnoError("signalfd");
  auto hub = Hub::Start(options);
  if (!hub.ok()) {
    ::close(descriptor);
    return hub.error();
  }
  TellServiceManager("READY=1");
  pollfd item{descriptor, POLLIN, 0};
  while (true) {
    const int ready = ::poll(&item, 1, kTendIntervalMs);
    if (ready > 0) break;
    if (ready == 0) (*hub)->Tend();
  }
  TellServiceManager("STOPPING=1");
  Log(Level::kInfo, "hub_stopping");
  (*hub).reset();
  ::close(descriptor);
  Log(Level::kInfo, "hub_stopped");
  return {};
}

}  // namespace noroshi::app
