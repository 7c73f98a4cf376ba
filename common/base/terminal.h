// What somebody else wrote, made safe for a terminal: nothing in it can move the
// cursor, change colours, reverse the direction of reading or hide itself.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace noroshi {

// For one line. Controls, line breaks, invisible and bidirectional characters and
// every byte that is not UTF-8 become '?'.
std::string TerminalLine(std::string_view text);
// The same for several lines: "\n" stays.
std::string TerminalText(std::string_view text);

}  // namespace noroshi
