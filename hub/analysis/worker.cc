#include "hub/analysis/worker.h"

#include <unistd.h>

#include <new>

#include "hub/analysis/analysis.h"
#include "hub/analysis/channel.h"
#include "hub/analysis/pool.h"
#include "hub/analysis/sandbox.h"

namespace noroshi::analysis {
namespace {

// Touches every path that loads something on first use: charsets, encoded words,
// HTML, an attachment.
constexpr std::string_view kWarmUpMail =
    "From: =?ISO-2022-JP?B?GyRCJCIbKEI=?= <a@warm-up.example>\r\n"
    "Subject: =?UTF-8?Q?=E3=81=82?= warm-up\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=shift_jis\r\n\r\n"
    "<p>\x82\xa0 &amp; <a href='http://warm-up.example/'>x</a></p>\r\n"
    "--b\r\nContent-Type: application/octet-stream; name*=iso-2022-jp''a\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

void WarmUp() {
  WarmUpMail();
  AnalyseRawMail(kWarmUpMail);
}

}  // namespace

int RunWorker(int fd, const std::function<std::string(std::string_view)>& analyse) {
  std::set_new_handler([] { _exit(kExitOutOfMemory); });
  if (!CloseSandbox(kMailMemoryBytesMax).ok()) return kExitNoSandbox;
  if (!SendFrameBlocking(fd, kWorkerReady).ok()) return 0;
  for (;;) {
    const Result<std::string> request = ReceiveFrameBlocking(fd, kFrameBytesMax);
    if (!request.ok()) return 0;  // The hub closed the conversation.
    if (!SendFrameBlocking(fd, analyse(*request)).ok()) return 0;
  }
}

int AnalysisWorkerMain(int fd) {
  WarmUp();
  return RunWorker(fd,
                   [](std::string_view raw) { return AnalyseRawMail(raw).SerializeAsString(); });
}

}  // namespace noroshi::analysis
