// The texts that people read, in Japanese and English, in one file:
// data/texts.toml. They are compiled in.
//
//   Text(Lang::kJa, "alert_kind.warning")             -> 注意喚起
//   Text(Lang::kEn, "receipt.accepted", {"42"})       -> Accepted as number 42
//
// Placeholders are {0} to {9}; both languages have the same ones (a test checks
// all keys). An unknown key is our own mistake and ends the program.
//
// Threads: thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::text {

enum class Lang { kJa, kEn };

// "ja" or "en", also with a region as in the environment ("ja_JP.UTF-8").
// Anything else is English.
Lang LangFromTag(std::string_view tag);

// REQUIRES: the key exists, and args has a value for each placeholder.
std::string Text(Lang lang, std::string_view key,
                 std::initializer_list<std::string_view> args = {});

bool HasText(std::string_view key);

// All keys, sorted. For tests and for tools that export the catalogue.
std::vector<std::string> TextKeys();

}  // namespace noroshi::text
