// Mails: one from standard input ("-"), single files, mbox files and folders (Maildir
// included).
//
// Threads: pure functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::agent {

inline constexpr size_t kMailFilesMax = 100'000;                    // Of one command.
inline constexpr size_t kMboxBytesMax = size_t{512} * 1024 * 1024;  // Of one mbox file, or of `-`.

// Whether this is an mbox: it begins with a border, "From SENDER Www Mmm ..." with the
// names of day and month as asctime(3) writes them, or "From " (or "From -") alone and a
// field below it, as Thunderbird writes it.
bool IsMbox(std::string_view content);

// The mails of an mbox, without their borders; a border follows an empty line, or
// begins the file. ">From " at the start of a line loses its '>' (mboxrd). Views into
// `content` cannot do that: copies.
std::vector<std::string> SplitMbox(std::string_view content);

// What was read from this path. "-" is one mail and stays as it is, but for one
// "From " line at its very beginning: a mail server that pipes a mail puts one there
// and quotes nothing below it.
std::vector<std::string> MailsOf(const std::string& path, const std::string& content);

// Whether a line "Name: value" stands before the first empty line; empty lines at the
// very beginning do not count.
bool HasHeader(std::string_view mail);

// Every regular file at or below these paths, sorted within each, the same file once;
// "-" stays. Hidden files and folders are skipped. Of a Maildir (a folder with cur/ and
// new/) these two are read, and the Maildirs in it, hidden ones too: nothing else.
// kNotFound names a path that does not exist.
Result<std::vector<std::string>> MailFiles(const std::vector<std::string>& paths);

}  // namespace noroshi::agent
