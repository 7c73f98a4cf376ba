#include "hub/analysis/attachments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "common/crypto/crypto.h"
#include "hub/analysis/file_type.h"
#include "hub/analysis/unpack.h"
#include "tests/unit/hub/analysis/zip_maker.h"

namespace noroshi::analysis {
namespace {

using std::string_literals::operator""s;

bool Marked(const v1::AttachmentFacts& facts, std::string_view marker) {
  return std::find(facts.markers().begin(), facts.markers().end(), marker) != facts.markers().end();
}

v1::AttachmentFacts Facts(std::string_view name, std::string_view bytes,
                          std::string_view type = "application/octet-stream") {
  return ReadAttachment(name, type, bytes).facts;
}

constexpr std::string_view kPdf = "%PDF-1.4\n1 0 obj\n";
constexpr std::string_view kProgram = "MZ\x90";

TEST(AttachmentsTest, NamesAsWrittenShownAndMeant) {
  const v1::AttachmentFacts rtl = Facts("invoice_\u202efdp.exe", kProgram);
  EXPECT_EQ(rtl.name(), "invoice_\u202efdp.exe");
  EXPECT_EQ(rtl.shown_name(), "invoice_exe.pdf");
  EXPECT_EQ(rtl.meant_name(), "invoice_fdp.exe");
  EXPECT_TRUE(Marked(rtl, "rtl"));
  EXPECT_TRUE(Marked(rtl, "executable"));
  EXPECT_EQ(Facts("../../tmp/a.txt. ", "x").meant_name(), "a.txt");
  EXPECT_EQ(Facts("\\\\host\\share\\b.dll", "x").meant_name(), "b.dll");
  EXPECT_EQ(Facts("plain.txt", "x").meant_name(), "");
  EXPECT_EQ(Facts("plain.txt", "x").shown_name(), "");
}

TEST(AttachmentsTest, DoubleExtensions) {
  EXPECT_TRUE(Marked(Facts("a.pdf.exe", kProgram), "double_extension"));
  EXPECT_TRUE(Marked(Facts("見積書.xlsx          .js", "x"), "double_extension"));
  EXPECT_TRUE(Marked(Facts("a.pdf.html", "<html>"), "double_extension"));
  EXPECT_FALSE(Marked(Facts("a.tar.gz", "x"), "double_extension"));
  EXPECT_FALSE(Marked(Facts("v1.2.exe", kProgram), "double_extension"));
  EXPECT_FALSE(Marked(Facts("a.exe.pdf", kPdf), "double_extension"));
}

TEST(AttachmentsTest, TypeIsByContent) {
  EXPECT_EQ(Facts("a", kPdf).type(), "application/pdf");
  EXPECT_EQ(Facts("a", "\x89PNG\r\n\x1a\n"s).type(), "image/png");
  EXPECT_EQ(Facts("a", "<!DOCTYPE html><html><body>x</body></html>").type(), "text/html");
  EXPECT_EQ(Facts("a", "").type(), "application/x-empty");
  EXPECT_TRUE(Marked(Facts("a.pdf", "PK\3\4zip"), "type_mismatch"));
  EXPECT_TRUE(Marked(Facts("a.jpg", kPdf), "type_mismatch"));
  EXPECT_TRUE(Marked(Facts("noname", kPdf, "image/png"), "type_mismatch"));
  EXPECT_FALSE(Marked(Facts("a.pdf", kPdf, "application/pdf"), "type_mismatch"));
  EXPECT_FALSE(Marked(Facts("a.txt", "text"), "type_mismatch"));
}

TEST(AttachmentsTest, MarkersOfDocuments) {
  const std::string ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"s;
  const std::string vba("_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0", 24);
  EXPECT_TRUE(Marked(Facts("a.doc", ole), "ole"));
  EXPECT_FALSE(Marked(Facts("a.doc", ole), "macro"));
  EXPECT_TRUE(Marked(Facts("a.doc", ole + vba), "macro"));
  const std::string docm = MakeZip({{"[Content_Types].xml", "<Types/>"},
                                    {"word/document.xml", "<x/>"},
                                    {"word/vbaProject.bin", "macro"}});
  const v1::AttachmentFacts facts = Facts("a.docm", docm);
  EXPECT_TRUE(facts.type().starts_with("application/vnd.openxmlformats")) << facts.type();
  EXPECT_TRUE(Marked(facts, "macro"));
  EXPECT_EQ(facts.members_size(), 0) << "parts of a document are no files";
  EXPECT_TRUE(Marked(
      Facts("a.docx", MakeZip({{"[Content_Types].xml", "<Types/>"},
                               {"word/_rels/settings.xml.rels",
                                "<Relationship Type=\"x/attachedTemplate\" Target=\"http://e\" "
                                "TargetMode=\"External\"/>"}})),
      "remote_template"));
  EXPECT_TRUE(Marked(Facts("a.pdf", std::string(kPdf) + "/OpenAction<</S/JavaScript/JS (x)>>"),
                     "active_content"));
  EXPECT_TRUE(Marked(Facts("a.rtf", "{\\rtf1{\\object\\objdata 01}}"), "ole"));
  EXPECT_TRUE(Marked(Facts("a", "L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F"s), "lnk"));
  EXPECT_TRUE(Marked(Facts("a.iso", "x"), "iso"));
  EXPECT_TRUE(Marked(Facts("a.vbs", "x"), "script"));
  EXPECT_TRUE(Marked(Facts("a.htm", "x"), "html"));
}

TEST(AttachmentsTest, MembersOfArchives) {
  const std::string zip =
      MakeZip({{"請求書.exe", std::string(kProgram)}, {"b/readme.txt", "hello"}});
  const AttachmentReading reading = ReadAttachment("a.zip", "application/zip", zip);
  ASSERT_EQ(reading.facts.members_size(), 2);
  EXPECT_EQ(reading.facts.members(0).name(), "請求書.exe");
  EXPECT_EQ(reading.facts.members(0).sha256(), Sha256Of(kProgram));
  EXPECT_EQ(reading.facts.members(0).markers(0), "executable");
  EXPECT_EQ(reading.facts.members(1).size(), 5u);
  EXPECT_EQ(reading.facts.members(1).type(), "text/plain");
  EXPECT_FALSE(reading.facts.encrypted());
  EXPECT_TRUE(reading.mails.empty());
}

TEST(AttachmentsTest, EncryptedArchivesAreListed) {
  const AttachmentReading secret =
      ReadAttachment("a.zip", "application/zip", MakeZip({{"x.doc", "content"}}, "s3cret"));
  EXPECT_TRUE(secret.facts.encrypted());
  EXPECT_TRUE(Marked(secret.facts, "encrypted"));
  ASSERT_EQ(secret.facts.members_size(), 1);
  EXPECT_EQ(secret.facts.members(0).name(), "x.doc");
  EXPECT_TRUE(secret.facts.members(0).sha256().empty());
  const AttachmentReading known =
      ReadAttachment("a.zip", "application/zip", MakeZip({{"x.doc", "content"}}, "infected"));
  ASSERT_EQ(known.facts.members_size(), 1);
  EXPECT_EQ(known.facts.members(0).sha256(), Sha256Of("content"));
}

TEST(AttachmentsTest, ArchivesBeyondTheMaxima) {
  std::vector<ZipMember> many;
  for (size_t i = 0; i <= kMembersMax; ++i) many.push_back({"f" + std::to_string(i), "x"});
  const AttachmentReading crowd = ReadAttachment("a.zip", "", MakeZip(many));
  EXPECT_TRUE(crowd.limit.starts_with("kMembersMax")) << crowd.limit;
  EXPECT_EQ(static_cast<size_t>(crowd.facts.members_size()), kMembersMax);
  many.pop_back();
  EXPECT_EQ(ReadAttachment("a.zip", "", MakeZip(many)).limit, "");
  const std::string zeros(kUnpackedBytesMax, '\0');
  EXPECT_EQ(ReadAttachment("a.zip", "", MakeZip({{"z", zeros}})).limit, "");
  const AttachmentReading bomb = ReadAttachment("a.zip", "", MakeZip({{"z", zeros + "x"}}));
  EXPECT_TRUE(bomb.limit.starts_with("kUnpackedBytesMax")) << bomb.limit;
  ASSERT_EQ(bomb.facts.members_size(), 1);
  EXPECT_TRUE(bomb.facts.members(0).sha256().empty());
  EXPECT_TRUE(ReadAttachment("a.zip", "", MakeZip({{"x", "1"}, {"y", "2"}}), 1)
                  .limit.starts_with("kMailMembersMax"));
  const std::string name(kMemberNameBytesMax + 1, 'n');
  EXPECT_EQ(ReadAttachment("a.zip", "", MakeZip({{name, "1"}})).facts.members(0).name().size(),
            kMemberNameBytesMax);
}

TEST(AttachmentsTest, BrokenArchivesAreAttachmentsAllTheSame) {
  const std::string zip = MakeZip({{"a.txt", std::string(5000, 'a')}});
  for (size_t size = 0; size < zip.size(); size += 7) {
    const v1::AttachmentFacts facts = Facts("a.zip", zip.substr(0, size));
    EXPECT_EQ(facts.size(), size);
    EXPECT_EQ(facts.sha256(), Sha256Of(zip.substr(0, size)));
  }
}

TEST(AttachmentsTest, FileTypeLooksAtTheFirstBytesOnly) {
  std::string late(kFileTypeBytesMax, ' ');
  EXPECT_EQ(TypeByContent(late + "\0\1\2"s), "text/plain");
}

}  // namespace
}  // namespace noroshi::analysis
