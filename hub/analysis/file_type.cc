#include "hub/analysis/file_type.h"

#include <magic.h>

#include <algorithm>
#include <memory>

namespace noroshi::analysis {
namespace {

struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view type;
};
using std::string_view_literals::operator""sv;
constexpr Signature kSignatures[] = {
    {0, "\x89PNG\r\n\x1a\n"sv, "image/png"},
    {0, "\xff\xd8\xff"sv, "image/jpeg"},
    {0, "GIF87a"sv, "image/gif"},
    {0, "GIF89a"sv, "image/gif"},
    {0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "application/x-ole-storage"},
    {0, "%PDF-"sv, "application/pdf"},
    {0, "{\\rtf"sv, "text/rtf"},
    {0, "L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F"sv, "application/x-ms-shortcut"},
    {0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"sv,
     "application/onenote"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "application/x-7z-compressed"},
    {0, "Rar!\x1a\x07"sv, "application/vnd.rar"},
    {0, "MSCF\0\0\0\0"sv, "application/vnd.ms-cab-compressed"},
    {0, "\x1f\x8b\x08"sv, "application/gzip"},
    {0, "conectix"sv, "application/x-virtualbox-vhd"},
    {0, "vhdxfile"sv, "application/x-virtualbox-vhdx"},
    {0, "ITSF"sv, "application/vnd.ms-htmlhelp"},
    {0x8001, "CD001"sv, "application/x-iso9660-image"},
    {0x8801, "CD001"sv, "application/x-iso9660-image"},
    {257, "ustar"sv, "application/x-tar"},
    {2, "-lh"sv, "application/x-lzh-compressed"},
};

// Office documents are archives; the first names inside say which.
std::string ZipType(std::string_view bytes) {
  struct Inside {
    std::string_view name;
    std::string_view type;
  };
  constexpr Inside kInside[] = {
      {"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
      {"META-INF/MANIFEST.MF", "application/java-archive"},
      {"mimetypeapplication/vnd.oasis.opendocument", "application/vnd.oasis.opendocument"}};
  const bool package = bytes.find("[Content_Types].xml") != std::string_view::npos;
  for (const Inside& inside : kInside) {
    const bool office = inside.name.ends_with('/');
    if ((!office || package) && bytes.find(inside.name) != std::string_view::npos) {
      return std::string(inside.type);
    }
  }
  return "application/zip";
}

std::string_view TypeBySignature(std::string_view bytes) {
  for (const Signature& signature : kSignatures) {
    if (bytes.size() > signature.offset &&
        bytes.substr(signature.offset).starts_with(signature.bytes)) {
      return signature.type;
    }
  }
  return {};
}

struct CloseMagic {
  void operator()(magic_set* cookie) const { magic_close(cookie); }
};
using Magic = std::unique_ptr<magic_set, CloseMagic>;

Magic OpenMagic() {
  // No decompression, no looking into archives: that is our own job, with limits.
  Magic cookie(magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                          MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_ENCODING |
                          MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_CSV));
  if (cookie == nullptr || magic_load(cookie.get(), nullptr) != 0) return nullptr;
  return cookie;
}

magic_set* ThreadsMagic() {
  thread_local const Magic cookie = OpenMagic();
  return cookie.get();
}

bool LooksLikeText(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\x1b';
  });
}

struct Mapping {
  std::string_view key;
  FileFamily family;
};

}  // namespace

std::string TypeByContent(std::string_view bytes) {
  if (bytes.empty()) return "application/x-empty";
  bytes = bytes.substr(0, kFileTypeBytesMax);
  if (bytes.starts_with("PK\3\4")) return ZipType(bytes);
  const std::string_view known = TypeBySignature(bytes);
  if (!known.empty()) return std::string(known);
  magic_set* magic = ThreadsMagic();
  const char* type = magic == nullptr ? nullptr : magic_buffer(magic, bytes.data(), bytes.size());
  const std::string_view found = type == nullptr ? "application/octet-stream" : type;
  if (found == "application/octet-stream" && LooksLikeText(bytes)) return "text/plain";
  return std::string(found);
}

bool LooksLikeArchive(std::string_view bytes) {
  return bytes.starts_with("PK\3\4") ||
         FamilyOfType(TypeBySignature(bytes)) == FileFamily::kArchive;
}

FileFamily FamilyOfType(std::string_view mime_type) {
  constexpr Mapping kPrefixes[] = {
      {"text/html", FileFamily::kHtml},
      {"application/xhtml", FileFamily::kHtml},
      {"image/svg", FileFamily::kHtml},  // Holds script and links as HTML does.
      {"text/rtf", FileFamily::kOffice},
      {"application/rtf", FileFamily::kOffice},
      {"application/msword", FileFamily::kOffice},
      {"application/vnd.ms-excel", FileFamily::kOffice},
      {"application/vnd.ms-powerpoint", FileFamily::kOffice},
      {"application/vnd.ms-word", FileFamily::kOffice},
      {"application/vnd.openxmlformats", FileFamily::kOffice},
      {"application/vnd.oasis", FileFamily::kOffice},
      {"application/x-ole-storage", FileFamily::kOffice},
      {"application/onenote", FileFamily::kOffice},
      {"application/pdf", FileFamily::kPdf},
      {"application/x-iso9660", FileFamily::kDisk},
      {"application/x-virtualbox-vhd", FileFamily::kDisk},
      {"application/zip", FileFamily::kArchive},
      {"application/x-zip", FileFamily::kArchive},
      {"application/x-7z", FileFamily::kArchive},
      {"application/vnd.rar", FileFamily::kArchive},
      {"application/x-rar", FileFamily::kArchive},
      {"application/gzip", FileFamily::kArchive},
      {"application/x-gzip", FileFamily::kArchive},
      {"application/x-bzip2", FileFamily::kArchive},
      {"application/x-xz", FileFamily::kArchive},
      {"application/x-tar", FileFamily::kArchive},
      {"application/x-lz", FileFamily::kArchive},
      {"application/vnd.ms-cab", FileFamily::kArchive},
      {"application/x-dosexec", FileFamily::kExecutable},
      {"application/vnd.microsoft.portable-executable", FileFamily::kExecutable},
      {"application/x-msdownload", FileFamily::kExecutable},
      {"application/x-executable", FileFamily::kExecutable},
      {"application/x-pie-executable", FileFamily::kExecutable},
      {"application/x-sharedlib", FileFamily::kExecutable},
      {"application/x-mach-binary", FileFamily::kExecutable},
      {"application/java-archive", FileFamily::kExecutable},
      {"application/x-ms-shortcut", FileFamily::kShortcut},
      {"text/x-msdos-batch", FileFamily::kScript},
      {"text/x-shellscript", FileFamily::kScript},
      {"text/x-script", FileFamily::kScript},
      {"text/javascript", FileFamily::kScript},
      {"application/javascript", FileFamily::kScript},
      {"text/vbscript", FileFamily::kScript},
      {"application/vnd.ms-htmlhelp", FileFamily::kScript},
      {"message/", FileFamily::kMail},
      {"audio/", FileFamily::kMedia},
      {"video/", FileFamily::kMedia},
      {"image/", FileFamily::kImage},
      {"text/", FileFamily::kText},
  };
  for (const Mapping& mapping : kPrefixes) {
    if (mime_type.starts_with(mapping.key)) return mapping.family;
  }
  return FileFamily::kUnknown;
}

FileFamily FamilyOfExtension(std::string_view lower_extension) {
  using F = FileFamily;
  constexpr Mapping kExtensions[] = {
      {"htm", F::kHtml},           {"html", F::kHtml},
      {"shtml", F::kHtml},         {"xhtml", F::kHtml},
      {"svg", F::kHtml},           {"mht", F::kHtml},
      {"mhtml", F::kHtml},         {"pdf", F::kPdf},
      {"doc", F::kOffice},         {"docx", F::kOffice},
      {"docm", F::kOffice},        {"dot", F::kOffice},
      {"dotx", F::kOffice},        {"dotm", F::kOffice},
      {"xls", F::kOffice},         {"xlsx", F::kOffice},
      {"xlsm", F::kOffice},        {"xlsb", F::kOffice},
      {"xlam", F::kOffice},        {"ppt", F::kOffice},
      {"pptx", F::kOffice},        {"pptm", F::kOffice},
      {"pps", F::kOffice},         {"ppsx", F::kOffice},
      {"rtf", F::kOffice},         {"odt", F::kOffice},
      {"ods", F::kOffice},         {"odp", F::kOffice},
      {"one", F::kOffice},         {"jtd", F::kOffice},
      {"zip", F::kArchive},        {"7z", F::kArchive},
      {"rar", F::kArchive},        {"gz", F::kArchive},
      {"tgz", F::kArchive},        {"bz2", F::kArchive},
      {"xz", F::kArchive},         {"tar", F::kArchive},
      {"cab", F::kArchive},        {"lzh", F::kArchive},
      {"lha", F::kArchive},        {"z", F::kArchive},
      {"arj", F::kArchive},        {"ace", F::kArchive},
      {"iso", F::kDisk},           {"img", F::kDisk},
      {"vhd", F::kDisk},           {"vhdx", F::kDisk},
      {"udf", F::kDisk},           {"dmg", F::kDisk},
      {"exe", F::kExecutable},     {"scr", F::kExecutable},
      {"com", F::kExecutable},     {"pif", F::kExecutable},
      {"cpl", F::kExecutable},     {"dll", F::kExecutable},
      {"msi", F::kExecutable},     {"msp", F::kExecutable},
      {"msix", F::kExecutable},    {"appx", F::kExecutable},
      {"jar", F::kExecutable},     {"xll", F::kExecutable},
      {"apk", F::kExecutable},     {"elf", F::kExecutable},
      {"js", F::kScript},          {"jse", F::kScript},
      {"vbs", F::kScript},         {"vbe", F::kScript},
      {"wsf", F::kScript},         {"wsh", F::kScript},
      {"wsc", F::kScript},         {"hta", F::kScript},
      {"ps1", F::kScript},         {"psm1", F::kScript},
      {"bat", F::kScript},         {"cmd", F::kScript},
      {"sh", F::kScript},          {"py", F::kScript},
      {"pl", F::kScript},          {"reg", F::kScript},
      {"sct", F::kScript},         {"inf", F::kScript},
      {"msc", F::kScript},         {"chm", F::kScript},
      {"iqy", F::kScript},         {"slk", F::kScript},
      {"lnk", F::kShortcut},       {"url", F::kShortcut},
      {"website", F::kShortcut},   {"scf", F::kShortcut},
      {"desktop", F::kShortcut},   {"library-ms", F::kShortcut},
      {"search-ms", F::kShortcut}, {"settingcontent-ms", F::kShortcut},
      {"appref-ms", F::kShortcut}, {"application", F::kShortcut},
      {"png", F::kImage},          {"jpg", F::kImage},
      {"jpeg", F::kImage},         {"gif", F::kImage},
      {"bmp", F::kImage},          {"tif", F::kImage},
      {"tiff", F::kImage},         {"webp", F::kImage},
      {"ico", F::kImage},          {"heic", F::kImage},
      {"txt", F::kText},           {"csv", F::kText},
      {"log", F::kText},           {"ics", F::kText},
      {"vcf", F::kText},           {"xml", F::kText},
      {"json", F::kText},          {"eml", F::kMail},
      {"msg", F::kMail},           {"mbox", F::kMail},
      {"mp3", F::kMedia},          {"mp4", F::kMedia},
      {"wav", F::kMedia},          {"avi", F::kMedia},
      {"m4a", F::kMedia}};
  for (const Mapping& mapping : kExtensions) {
    if (lower_extension == mapping.key) return mapping.family;
  }
  return FileFamily::kUnknown;
}

void WarmUpFileTypes() { TypeByContent(std::string_view("\x01\x02\x03\x00warm-up", 11)); }

}  // namespace noroshi::analysis
