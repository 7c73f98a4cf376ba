// A worker for the tests of the confinement: the mail's first word says what the child
// does once its sandbox is closed. It answers what came of it, if it still can.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "hub/analysis/worker.h"
#include "noroshi/v1/journal.pb.h"

namespace {

std::string Answer(const std::string& error) {
  noroshi::v1::AnalysisResult result;
  result.set_outcome(noroshi::v1::ANALYSIS_OUTCOME_COMPLETE);
  result.set_error(error);
  return result.SerializeAsString();
}

std::string TryFile(const char* path, int flags) {
  const int fd = open(path, flags, 0600);
  return fd >= 0 ? "opened" : errno == EACCES ? "denied" : "errno " + std::to_string(errno);
}

// Known before the walls close: the hub, in whose memory the keys are.
const pid_t kParent = getppid();

std::string Act(std::string_view request) {
  const size_t word_end = std::min(request.find(' '), request.size());
  const std::string_view action = request.substr(0, word_end);
  const std::string argument(request.substr(std::min(word_end + 1, request.size())));
  if (action == "read-file") return Answer(TryFile("/etc/passwd", O_RDONLY));
  if (action == "write-file") return Answer(TryFile("/tmp/noroshi-sandbox", O_WRONLY | O_CREAT));
  if (action == "read-key") return Answer(TryFile(argument.c_str(), O_RDONLY));
  if (action == "parents-environment") {
    const std::string path = "/proc/" + std::to_string(kParent) + "/environ";
    return Answer(TryFile(path.c_str(), O_RDONLY));
  }
  if (action == "parents-memory") {
    char byte = 0;
    iovec here{&byte, 1};
    iovec there{&byte, 1};
    process_vm_readv(kParent, &here, 1, &there, 1, 0);
  }
  if (action == "environment")
    return Answer(environ == nullptr || *environ == nullptr ? "empty" : *environ);
  if (action == "descriptors") {
    std::string open_ones;
    for (int fd = 0; fd < 256; ++fd) {
      // dup2 and fcntl are walled off; a write of nothing tells whether it is open.
      if (write(fd, "", 0) == 0 || errno != EBADF) open_ones += std::to_string(fd) + " ";
    }
    return Answer(open_ones);
  }
  if (action == "socket") socket(AF_INET, SOCK_STREAM, 0);
  if (action == "exec") execl("/bin/true", "true", nullptr);
  if (action == "fork" && fork() == 0) _exit(0);
  if (action == "signal-parent") kill(kParent, 0);  // Signal 0: harmless should it get out.
  if (action == "die") __builtin_trap();
  if (action == "exit") _exit(7);
  if (action == "hang") {
    volatile bool forever = true;  // A loop that the compiler must keep.
    while (forever) {
    }
  }
  if (action == "eat-memory") {
    std::vector<std::string> eaten;
    for (;;) eaten.emplace_back(16 * 1024 * 1024, 'x');
  }
  if (action == "claim") {  // What is not the child's to say.
    noroshi::v1::AnalysisResult result;
    result.ParseFromString(Answer("claimed"));
    result.set_subject_sequence(99);
    result.set_analyser_version("another");
    result.set_data_version("another");
    result.mutable_classification()->mutable_event_type()->set_id("unavailability");
    return result.SerializeAsString();
  }
  if (action == "lie") return "\xff\xff\xff";
  if (action == "flood") return std::string(3 * 1024 * 1024, 'x');
  return Answer("done");
}

}  // namespace

int main() { return noroshi::analysis::RunWorker(noroshi::analysis::kWorkerDescriptor, Act); }
