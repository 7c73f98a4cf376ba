#include "common/text/text.h"

#include <toml++/toml.h>

#include <map>

namespace noroshi::text {

extern const std::string_view kTextsToml;

namespace {

struct Entry {
  std::string ja;
  std::string en;
};
using Catalogue = std::map<std::string, Entry, std::less<>>;

// A table with ja and en is a text; every other table is a part of the key.
void Collect(const toml::table& table, const std::string& prefix, Catalogue* out) {
  for (const auto& [name, node] : table) {
    const toml::table* child = node.as_table();
    NOROSHI_CHECK(child != nullptr);
    const std::string key =
        prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
    if (!(*child)["ja"].is_string()) {
      Collect(*child, key, out);
      continue;
    }
    NOROSHI_CHECK((*child)["en"].is_string() && child->size() == 2);
    (*out)[key] = {**(*child)["ja"].as_string(), **(*child)["en"].as_string()};
  }
}

const Catalogue& TheCatalogue() {
  static const Catalogue* catalogue = [] {
    auto* out = new Catalogue;  // Lives as long as the process.
    Collect(toml::parse(kTextsToml), "", out);
    return out;
  }();
  return *catalogue;
}

}  // namespace

Lang LangFromTag(std::string_view tag) {
  return tag == "ja" || tag.starts_with("ja_") || tag.starts_with("ja-") ? Lang::kJa : Lang::kEn;
}

std::string Text(Lang lang, std::string_view key, std::initializer_list<std::string_view> args) {
  const auto found = TheCatalogue().find(key);
  NOROSHI_CHECK(found != TheCatalogue().end());
  const std::string& pattern = lang == Lang::kJa ? found->second.ja : found->second.en;
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool placeholder = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 1] >= '0' &&
                             pattern[i + 1] <= '9' && pattern[i + 2] == '}';
    if (!placeholder) {
      out.push_back(pattern[i]);
      continue;
    }
    const size_t index = static_cast<size_t>(pattern[i + 1] - '0');
    NOROSHI_CHECK(index < args.size());
    out.append(args.begin()[index]);
    i += 2;
  }
  return out;
}

bool HasText(std::string_view key) { return TheCatalogue().contains(key); }

std::vector<std::string> TextKeys() {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : TheCatalogue()) keys.push_back(key);
  return keys;
}

}  // namespace noroshi::text
