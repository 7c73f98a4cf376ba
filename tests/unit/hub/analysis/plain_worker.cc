// The hub's own worker, as a program for the tests.
#include "hub/analysis/worker.h"

int main() { return noroshi::analysis::AnalysisWorkerMain(noroshi::analysis::kWorkerDescriptor); }
