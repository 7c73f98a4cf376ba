// noroshi-hub: the hub and its command line. As `noroshi-hub analysis-worker` it
// is the confined process that reads mails for a running hub.
#include <string_view>

#include "hub/analysis/worker.h"
#include "hub/app/cli.h"

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == noroshi::analysis::kWorkerArgument) {
    return noroshi::analysis::AnalysisWorkerMain(noroshi::analysis::kWorkerDescriptor);
  }
  return noroshi::app::Main(argc, argv);
}
