// The language of a text: by its script, and among languages in Latin letters by
// their commonest words.
// Threads: thread-safe. Deterministic; integers only; linear in the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace noroshi::analysis {

inline constexpr size_t kLanguageBytesMax = 16 * 1024;  // More is not looked at.

// ISO 639-1, e.g. "ja"; empty: too little text, or a language that is not known here.
std::string LanguageOf(std::string_view utf8);

}  // namespace noroshi::analysis
