#include "tests/system/test_server.h"

namespace noroshi::support {

Result<TestServer> StartTestServer(const std::vector<std::string>& argv, const std::string& log,
                                   const std::string& words) {
  ProcessOptions options;
  options.argv = argv;
  options.stdout_file = log;
  options.stderr_file = log;
  WriteFile(log, "");
  TestServer server;
  NOROSHI_ASSIGN_OR_RETURN(server.process, Process::Start(options));
  Wake wake;
  wake.paths = {log};
  wake.process = server.process->pidfd();
  NOROSHI_RETURN_IF_ERROR(WaitUntil("the server's port in its log", wake, [&] {
    const std::string text = ReadFile(log);
    const size_t at = text.find(words);
    const size_t end = at == std::string::npos ? at : text.find('\n', at);
    if (end == std::string::npos) return false;
    server.port = text.substr(at + words.size(), end - at - words.size());
    return true;
  }));
  return server;
}

}  // namespace noroshi::support
