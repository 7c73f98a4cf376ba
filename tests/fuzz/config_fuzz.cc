// Any bytes as configuration: an error, or a document that can be read.
#include <cstddef>
#include <cstdint>

#include "common/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using std::chrono::milliseconds;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto document = noroshi::config::Document::Parse("fuzz.toml", text);
  if (!document.ok()) return 0;
  auto root = document->root();
  root.String("name");
  root.Bool("on", true);
  root.Integer("count", {0, 10});
  root.Size("size", {0, 1 << 30});
  root.Duration("wait", {milliseconds(0), milliseconds(1000)});
  root.Strings("list", 4);
  root.Sub("table").String("inner", "");
  for (auto table : root.Tables("tables", 4)) table.String("id");
  (void)document->Finish().ok();
  return 0;
}
