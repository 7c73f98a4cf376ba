// What the load consists of: submissions that differ from one another as much
// as the real ones do, made fast enough not to be what is measured.
//
// Threads: one thread for each source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::bench {

inline constexpr size_t kReportBytes = 1024;
inline constexpr size_t kMailBytes = 40 * 1024;

class SubmissionSource {
 public:
  // Serialised incident reports of kReportBytes, in Japanese, of several kinds.
  static SubmissionSource Reports();
  // Serialised suspicious mails of about kMailBytes: text, HTML, an attachment.
  // No two are the same matter.
  static SubmissionSource Mails();

  // The next one, with this id (16 bytes). Valid until the next call.
  const std::string& Next(std::string_view id);

 private:
  // A serialised submission in which the id and a serial are replaced.
  struct Template {
    std::string bytes;
    std::vector<size_t> serials;  // Where the serial stands.
  };
  explicit SubmissionSource(std::vector<Template> templates) : templates_(std::move(templates)) {}
  static Template MakeTemplate(std::string bytes);

  std::vector<Template> templates_;
  uint64_t number_ = 0;
};

}  // namespace noroshi::bench
