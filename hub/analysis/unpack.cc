#include "hub/analysis/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <algorithm>
#include <memory>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"

namespace noroshi::analysis {
namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Reader = std::unique_ptr<archive, FreeArchive>;

constexpr size_t kBlockBytes = 64 * 1024;

// libarchive converts names to the charset of the locale, and drops what does not
// fit: while it reads, and for this thread alone, that is UTF-8.
class Utf8Names {
 public:
  Utf8Names() : before_(uselocale(Utf8())) {}
  ~Utf8Names() { uselocale(before_); }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  static locale_t Utf8() {
    static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return utf8;  // A system without it: names in ASCII only.
  }
  locale_t before_;
};

// No filter that runs a program, and no format that nobody sends.
Reader OpenReader(std::string_view bytes) {
  Reader reader(archive_read_new());
  archive* a = reader.get();
  archive_read_support_filter_gzip(a);
  archive_read_support_filter_bzip2(a);
  archive_read_support_filter_xz(a);
  archive_read_support_filter_lzma(a);
  archive_read_support_format_zip(a);
  archive_read_support_format_7zip(a);
  archive_read_support_format_rar(a);
  archive_read_support_format_rar5(a);
  archive_read_support_format_tar(a);
  archive_read_support_format_cab(a);
  archive_read_support_format_lha(a);
  archive_read_support_format_iso9660(a);
  archive_read_support_format_raw(a);
  for (const char* password : {"infected", "malware", "virus"}) {
    archive_read_add_passphrase(a, password);
  }
  if (archive_read_open_memory(a, bytes.data(), bytes.size()) != ARCHIVE_OK) return nullptr;
  return reader;
}

std::string MemberName(archive_entry* entry) {
  const char* utf8 = archive_entry_pathname_utf8(entry);
  const char* raw = utf8 != nullptr ? utf8 : archive_entry_pathname(entry);
  if (raw == nullptr) return {};
  const std::string_view name = std::string_view(raw).substr(0, 4 * kMemberNameBytesMax);
  // Japanese archivers write names in Shift_JIS without saying so.
  const std::string text =
      IsValidUtf8(name) ? std::string(name) : text::DecodeCharset(name, "").text;
  return std::string(TruncateUtf8(text::ToValidUtf8(text), kMemberNameBytesMax));
}

bool IsMailName(std::string_view name) {
  const std::string lower = LowerAscii(name);
  return lower.ends_with(".eml") || lower.ends_with(".mbox");
}

// Reads the member's data. False: the archive cannot go on.
bool ReadData(archive* a, size_t* left, UnpackedMember* member) {
  const size_t keep = IsMailName(member->name) ? kMemberMailBytesMax : kMemberHeadBytesMax;
  Sha256 hash;
  uint64_t size = 0;
  char block[kBlockBytes];
  for (;;) {
    const la_ssize_t read = archive_read_data(a, block, std::min(sizeof(block), *left + 1));
    if (read < 0) return archive_errno(a) == 0;
    if (read == 0) break;
    const auto got = static_cast<size_t>(read);
    if (got > *left) {
      *left = 0;
      return false;
    }
    *left -= got;
    size += got;
    hash.Update({block, got});
    member->head.append(block, std::min(got, keep - std::min(keep, member->head.size())));
  }
  member->whole = true;
  member->size = size;
  member->sha256 = hash.Finish();
  return true;
}

}  // namespace

Unpacking Unpack(std::string_view bytes, const std::function<void(UnpackedMember)>& on_member) {
  Unpacking unpacking;
  const Utf8Names utf8_names;
  const Reader reader = OpenReader(bytes);
  if (reader == nullptr) return unpacking;
  archive* a = reader.get();
  size_t left = kUnpackedBytesMax;
  archive_entry* entry = nullptr;
  for (size_t count = 0;; ++count) {
    const int status = archive_read_next_header(a, &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN && archive_error_string(a) != nullptr) {
      unpacking.error = archive_error_string(a);
    }
    if (status == ARCHIVE_FATAL || count > 2 * kMembersMax) break;
    if (status < ARCHIVE_WARN) continue;  // This member alone is unreadable.
    // A file that is no archive is "raw" without a filter.
    if (archive_format(a) == ARCHIVE_FORMAT_RAW && archive_filter_count(a) < 2) return unpacking;
    unpacking.is_archive = true;
    if (count == kMembersMax) {
      unpacking.limit = "kMembersMax: an archive with more than 100 members";
      break;
    }
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    UnpackedMember member;
    member.name = MemberName(entry);
    member.size = archive_entry_size_is_set(entry) != 0
                      ? static_cast<uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)))
                      : 0;
    member.encrypted = archive_entry_is_encrypted(entry) != 0;
    unpacking.encrypted = unpacking.encrypted || member.encrypted;
    const bool on = ReadData(a, &left, &member);
    if (left == 0 && !member.whole) {
      unpacking.limit = "kUnpackedBytesMax: an archive of more than 16 MiB unpacked";
    }
    const bool stop = !on && left == 0;
    on_member(std::move(member));
    if (stop) break;
  }
  if (archive_read_has_encrypted_entries(a) > 0) unpacking.encrypted = true;
  return unpacking;
}

}  // namespace noroshi::analysis
