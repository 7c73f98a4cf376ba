#include "hub/analysis/attachments.h"

#include <unicode/ubidi.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/unicode.h"
#include "hub/analysis/file_type.h"
#include "hub/analysis/mail.h"
#include "hub/analysis/unpack.h"

namespace noroshi::analysis {
namespace {

// In the order in which facts hold them (journal.proto).
constexpr std::string_view kMarkers[] = {"executable",
                                         "script",
                                         "lnk",
                                         "iso",
                                         "macro",
                                         "ole",
                                         "html",
                                         "archive",
                                         "encrypted",
                                         "double_extension",
                                         "rtl",
                                         "type_mismatch",
                                         "active_content",
                                         "remote_template"};

bool IsDirectionControl(char32_t c) {
  return c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

bool IsInvisible(char32_t c) {
  return IsDirectionControl(c) || c == 0xad || (c >= 0x200b && c <= 0x200d) || c == 0x2060 ||
         c == 0xfeff || c < 0x20 || c == 0x7f;
}

bool HasDirectionControl(std::string_view name) {
  const icu::UnicodeString text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(name.data(), static_cast<int32_t>(name.size())));
  for (int32_t i = 0; i < text.length(); ++i) {
    if (IsDirectionControl(text[i])) return true;
  }
  return false;
}

std::string Extension(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string() : LowerAscii(name.substr(dot + 1));
}

bool CanRun(FileFamily family) {
  return family == FileFamily::kExecutable || family == FileFamily::kScript ||
         family == FileFamily::kShortcut || family == FileFamily::kDisk ||
         family == FileFamily::kHtml;
}

// "report.pdf.exe", "photo.jpg      .scr".
bool HasDoubleExtension(std::string_view meant) {
  const size_t dot = meant.rfind('.');
  if (dot == std::string_view::npos || !CanRun(FamilyOfExtension(Extension(meant)))) return false;
  std::string_view stem = meant.substr(0, dot);
  while (stem.ends_with(' ')) stem.remove_suffix(1);
  const FileFamily before = FamilyOfExtension(Extension(stem));
  return before == FileFamily::kPdf || before == FileFamily::kOffice ||
         before == FileFamily::kImage || before == FileFamily::kText ||
         before == FileFamily::kMedia || before == FileFamily::kArchive;
}

bool Holds(std::string_view bytes, std::string_view word) {
  return bytes.find(word) != std::string_view::npos;
}

// ASCII as UTF-16LE, as OLE directories hold names.
std::string Wide(std::string_view ascii) {
  std::string wide;
  for (const char c : ascii) {
    wide.push_back(c);
    wide.push_back('\0');
  }
  return wide;
}

class MarkerSet {
 public:
  void Add(std::string_view marker) { found_.insert(marker); }
  void AddIf(bool condition, std::string_view marker) {
    if (condition) Add(marker);
  }
  template <typename Message>
  void Store(Message* message) const {
    for (const std::string_view marker : kMarkers) {
      if (found_.contains(marker)) message->add_markers(std::string(marker));
    }
  }
  bool Has(std::string_view marker) const { return found_.contains(marker); }

 private:
  std::set<std::string_view> found_;
};

// What the extension promises and the content is not.
bool IsMismatch(FileFamily promised, FileFamily content) {
  if (promised == FileFamily::kUnknown || content == FileFamily::kUnknown || promised == content) {
    return false;
  }
  const bool text_like = content == FileFamily::kText || content == FileFamily::kHtml;
  switch (promised) {
    case FileFamily::kText:
    case FileFamily::kScript:
    case FileFamily::kMail:
    case FileFamily::kShortcut:
      // All of them are texts, except Outlook's messages, which are OLE files.
      return !text_like && content != FileFamily::kScript &&
             !(promised == FileFamily::kMail && content == FileFamily::kOffice);
    case FileFamily::kHtml:
      return content != FileFamily::kText;
    case FileFamily::kOffice:
      // Word opens HTML, text and web archives that are called .doc.
      return !text_like && content != FileFamily::kArchive && content != FileFamily::kMail;
    case FileFamily::kArchive:
      return content != FileFamily::kOffice;
    case FileFamily::kExecutable:
      // Installers are OLE files, .jar and .apk are archives.
      return content != FileFamily::kOffice && content != FileFamily::kArchive;
    default:
      return true;
  }
}

void MarkContent(std::string_view bytes, const std::string& type, MarkerSet* markers) {
  bytes = bytes.substr(0, kMarkerScanBytesMax);
  const FileFamily family = FamilyOfType(type);
  markers->AddIf(family == FileFamily::kExecutable, "executable");
  markers->AddIf(family == FileFamily::kScript, "script");
  markers->AddIf(family == FileFamily::kShortcut, "lnk");
  markers->AddIf(family == FileFamily::kDisk, "iso");
  markers->AddIf(family == FileFamily::kHtml, "html");
  markers->AddIf(family == FileFamily::kArchive, "archive");
  if (type == "application/x-ole-storage") {
    markers->Add("ole");
    markers->AddIf(Holds(bytes, Wide("_VBA_PROJECT")) || Holds(bytes, Wide("VBA")), "macro");
    markers->AddIf(Holds(bytes, Wide("EncryptedPackage")), "encrypted");
  } else if (type.starts_with("application/vnd.openxmlformats")) {
    markers->AddIf(Holds(bytes, "vbaProject.bin") || Holds(bytes, "xl/macrosheets/"), "macro");
    markers->AddIf(Holds(bytes, "/embeddings/oleObject"), "ole");
  } else if (type == "text/rtf") {
    markers->AddIf(Holds(bytes, "\\objdata") || Holds(bytes, "\\objupdate"), "ole");
    markers->AddIf(Holds(bytes, "\\*\\template http"), "remote_template");
  } else if (type == "application/onenote") {
    // Embedded files begin with this identifier (FileDataStoreObject).
    markers->AddIf(Holds(bytes, "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"),
                   "ole");
  } else if (type == "application/pdf") {
    markers->AddIf(Holds(bytes, "/JavaScript") || Holds(bytes, "/JS ") || Holds(bytes, "/JS(") ||
                       Holds(bytes, "/Launch") || Holds(bytes, "/EmbeddedFile"),
                   "active_content");
    markers->AddIf(Holds(bytes, "/Encrypt"), "encrypted");
  }
}

void MarkName(const std::string& name, const std::string& meant, FileFamily content,
              MarkerSet* markers) {
  const std::string extension = Extension(meant);
  const FileFamily promised = FamilyOfExtension(extension);
  markers->AddIf(promised == FileFamily::kExecutable, "executable");
  markers->AddIf(promised == FileFamily::kScript, "script");
  markers->AddIf(promised == FileFamily::kShortcut, "lnk");
  markers->AddIf(promised == FileFamily::kDisk, "iso");
  markers->AddIf(promised == FileFamily::kHtml, "html");
  markers->AddIf(promised == FileFamily::kArchive, "archive");
  constexpr std::array<std::string_view, 8> kMacroExtensions = {"docm", "dotm", "xlsm", "xlsb",
                                                                "xlam", "xltm", "pptm", "ppam"};
  markers->AddIf(std::find(kMacroExtensions.begin(), kMacroExtensions.end(), extension) !=
                     kMacroExtensions.end(),
                 "macro");
  markers->AddIf(HasDoubleExtension(meant), "double_extension");
  markers->AddIf(HasDirectionControl(name), "rtl");
  markers->AddIf(IsMismatch(promised, content), "type_mismatch");
}

// A relationship of an Office document that loads a template or object from outside.
bool IsRemoteTemplate(const UnpackedMember& member) {
  return member.name.ends_with(".rels") && Holds(member.head, "TargetMode=\"External\"") &&
         (Holds(member.head, "/attachedTemplate") || Holds(member.head, "/oleObject") ||
          Holds(member.head, "/frame"));
}

bool IsOffice(const std::string& type) {
  return type.starts_with("application/vnd.openxmlformats") ||
         type.starts_with("application/vnd.oasis");
}

v1::ArchiveMember MemberFacts(const UnpackedMember& member) {
  v1::ArchiveMember facts;
  facts.set_name(member.name);
  facts.set_size(member.size);
  facts.set_sha256(member.sha256);
  MarkerSet markers;
  if (!member.head.empty()) facts.set_type(TypeByContent(member.head));
  MarkContent(member.head, facts.type(), &markers);
  MarkName(member.name, MeantName(member.name), FamilyOfType(facts.type()), &markers);
  markers.AddIf(member.encrypted, "encrypted");
  markers.Store(&facts);
  return facts;
}

void ReadMembers(std::string_view bytes, size_t members_max, MarkerSet* markers,
                 AttachmentReading* reading) {
  const bool office = IsOffice(reading->facts.type());
  const Unpacking unpacking = Unpack(bytes, [&](UnpackedMember member) {
    if (office) {
      markers->AddIf(IsRemoteTemplate(member), "remote_template");
      return;  // Its members are parts of a document, not files.
    }
    if (static_cast<size_t>(reading->facts.members_size()) < members_max) {
      *reading->facts.add_members() = MemberFacts(member);
    } else {
      reading->limit = "kMailMembersMax: archives with more than 300 members together";
    }
    const std::string extension = Extension(member.name);
    if (member.whole && (extension == "eml" || extension == "mbox") &&
        member.size == member.head.size()) {
      reading->mails.push_back({member.name, std::move(member.head)});
    }
  });
  if (!unpacking.is_archive) return;
  markers->AddIf(!office, "archive");
  markers->AddIf(unpacking.encrypted, "encrypted");
  if (!unpacking.limit.empty()) reading->limit = unpacking.limit;
  if (!unpacking.error.empty()) reading->warning = "archive: " + unpacking.error;
}

std::string Shortened(std::string_view text) {
  return std::string(TruncateUtf8(text::ToValidUtf8(text), kFactFieldBytesMax));
}

}  // namespace

std::string MeantName(std::string_view name) {
  const size_t slash = name.find_last_of("/\\");
  const icu::UnicodeString text = icu::UnicodeString::fromUTF8(icu::StringPiece(
      name.data() + (slash == std::string_view::npos ? 0 : slash + 1),
      static_cast<int32_t>(name.size() - (slash == std::string_view::npos ? 0 : slash + 1))));
  icu::UnicodeString kept;
  for (int32_t i = 0; i < text.length(); ++i) {
    if (!IsInvisible(text[i])) kept.append(text[i]);
  }
  std::string meant;
  kept.toUTF8String(meant);
  while (meant.ends_with('.') || meant.ends_with(' ')) meant.pop_back();
  return meant;
}

std::string ShownName(std::string_view name) {
  const icu::UnicodeString text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(name.data(), static_cast<int32_t>(name.size())));
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UBiDi, void (*)(UBiDi*)> bidi(ubidi_open(), ubidi_close);
  ubidi_setPara(bidi.get(), text.getBuffer(), text.length(), UBIDI_LTR, nullptr, &error);
  icu::UnicodeString shown;
  char16_t* buffer = shown.getBuffer(text.length() + 1);
  if (buffer == nullptr || U_FAILURE(error)) return std::string(name);
  const int32_t size = ubidi_writeReordered(bidi.get(), buffer, text.length() + 1,
                                            UBIDI_REMOVE_BIDI_CONTROLS, &error);
  shown.releaseBuffer(U_SUCCESS(error) ? size : 0);
  std::string out;
  shown.toUTF8String(out);
  return out;
}

AttachmentReading ReadAttachment(std::string_view name, std::string_view declared_type,
                                 std::string_view bytes, size_t members_max) {
  AttachmentReading reading;
  v1::AttachmentFacts& facts = reading.facts;
  facts.set_name(Shortened(name));
  facts.set_declared_type(Shortened(declared_type));
  facts.set_size(bytes.size());
  facts.set_sha256(Sha256Of(bytes));
  facts.set_type(TypeByContent(bytes));
  const std::string meant = Shortened(MeantName(facts.name()));
  if (meant != facts.name()) facts.set_meant_name(meant);
  MarkerSet markers;
  if (HasDirectionControl(facts.name())) facts.set_shown_name(Shortened(ShownName(facts.name())));
  MarkContent(bytes, facts.type(), &markers);
  const FileFamily content = FamilyOfType(facts.type());
  MarkName(facts.name(), meant, content, &markers);
  if (FamilyOfExtension(Extension(meant)) == FileFamily::kUnknown) {
    markers.AddIf(IsMismatch(FamilyOfType(facts.declared_type()), content), "type_mismatch");
  }
  const bool looks_packed =
      content == FileFamily::kArchive || content == FileFamily::kDisk || IsOffice(facts.type());
  if (looks_packed) ReadMembers(bytes, members_max, &markers, &reading);
  facts.set_encrypted(markers.Has("encrypted"));
  markers.Store(&facts);
  return reading;
}

}  // namespace noroshi::analysis
