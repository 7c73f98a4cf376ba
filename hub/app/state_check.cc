#include "hub/app/state_check.h"

#include "hub/engine/rebuild.h"
#include "hub/store/store.h"

namespace noroshi::app {

Result<std::vector<std::string>> CheckState(journal::Journal* journal, const store::View& state,
                                            const std::string& scratch, size_t max_findings) {
  NOROSHI_ASSIGN_OR_RETURN(const auto meta, state.Meta());
  if (meta.applied() > journal->size()) {
    return std::vector<std::string>{"state has applied " + std::to_string(meta.applied()) +
                                    " entries, the journal holds " +
                                    std::to_string(journal->size())};
  }
  NOROSHI_RETURN_IF_ERROR(store::WipeStore(scratch));
  engine::RebuildOptions options;
  options.folder = scratch;
  options.workers = 2;
  options.until = meta.applied();
  NOROSHI_ASSIGN_OR_RETURN(const auto rebuilt, engine::Rebuild(journal, options));
  store::StoreOptions store_options;
  store_options.folder = scratch;
  store_options.create_if_missing = false;
  store_options.read_only = true;
  Result<std::vector<std::string>> differences = std::vector<std::string>();
  {
    const auto replay = store::Store::Open(store_options);
    differences = replay.ok() ? state.Differences(*(*replay)->Snapshot(), max_findings)
                              : Result<std::vector<std::string>>(replay.error());
  }
  NOROSHI_RETURN_IF_ERROR(store::WipeStore(scratch));
  return differences;
}

}  // namespace noroshi::app
