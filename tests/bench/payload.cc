#include "tests/bench/payload.h"

#include <fmt/format.h>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/runtime/clock.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::bench {
namespace {

// Field 1 comes first: tag, length, 16 bytes.
constexpr size_t kIdOffset = 2;
constexpr size_t kIdBytes = 16;
// Letters, for digits are often left out when texts are compared. Valid base64.
constexpr std::string_view kSerial = "QZXSERIALQ";
constexpr size_t kMailHeaderBytes = 1024;  // About: headers, boundaries, the submission's fields.

struct Story {
  const char* title;
  const char* what;
  const char* impact;
  const char* response;
};

constexpr Story kStories[] = {
    {"庁内ファイルサーバの暗号化",
     "当直の職員が、ファイルサーバのファイルが開けないことを発見した。"
     "画面に身代金を要求する文章が表示されている。",
     "電子申請の受付ができない。個人情報の漏えいは、現時点で確認されていない。",
     "ネットワークから切り離し、ランサムウェアの種類を調査している。"},
    {"公開ウェブサーバの応答遅延",
     "外部から大量の通信が届き、公開ウェブサイトの表示に時間がかかった。",
     "閲覧者がページを開けない状態が断続的に続いた。", "通信事業者に遮断を依頼した。"},
    {"業務用端末のウイルス検知", "添付ファイルを開いた端末で、ウイルス対策ソフトが検知した。",
     "業務への影響はない。", "端末を隔離し、ログを保全した。"},
    {"電子メールの誤送信", "担当者が宛先を誤り、名簿を含む電子メールを外部の一名に送信した。",
     "氏名と電話番号を含む情報が外部に送信された。", "受信者に削除を依頼し、削除を確認した。"},
    {"サービス用電源設備の故障", "空調の停止により機器の温度が上昇し、業務システムが停止した。",
     "窓口業務を紙で行っている。", "機器を予備系に切り替えた。"},
    {"管理者アカウントへの不正ログイン", "海外からの不審なログインの記録が見つかった。",
     "設定の変更は確認されていない。", "アカウントを停止し、認証情報を変更した。"},
    {"委託先からの情報流出の連絡", "委託先の事業者から、サーバへの不正アクセスの連絡を受けた。",
     "預けている情報が含まれるかを確認している。", "委託先に調査の報告を求めた。"},
    {"ウェブサイトの改ざん", "トップページに見覚えのない文章が表示されていると通報があった。",
     "約三十分の間、改ざんされたページが表示された。", "公開を停止し、バックアップから復旧した。"},
};

v1::Submission Blank() {
  v1::Submission submission;
  submission.set_id(std::string(kIdBytes, '\0'));
  submission.set_created_at_ms(SystemClock().NowMs());
  submission.mutable_handling()->set_tlp(v1::TLP_AMBER);
  return submission;
}

std::string MakeReport(const Story& story) {
  v1::Submission submission = Blank();
  v1::IncidentReport& report = *submission.mutable_incident();
  report.set_stage(v1::REPORT_STAGE_FIRST);
  report.set_detected_at_ms(submission.created_at_ms());
  report.set_title(fmt::format("{}（{}）", story.title, kSerial));
  report.set_what_happened(story.what);
  report.set_impact(story.impact);
  report.set_response(story.response);
  report.set_expected_recovery("未定。進展があり次第、続報する。");
  // What is missing to the size is spread over the text, as longer sentences would be.
  const std::string more = "関係する部署に連絡し、記録を保全したうえで、原因を調べている。";
  while (submission.ByteSizeLong() + more.size() + 8 < kReportBytes) {
    *report.mutable_what_happened() += more;
  }
  while (submission.ByteSizeLong() < kReportBytes) *report.mutable_what_happened() += '.';
  NOROSHI_CHECK(submission.ByteSizeLong() == kReportBytes);
  return submission.SerializeAsString();
}

std::string MakeAttachment(size_t size) {
  std::string base64;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  uint32_t state = 1;
  while (base64.size() < size) {
    for (int i = 0; i < 76; ++i) {
      state = state * 1664525 + 1013904223;
      base64 += kAlphabet[(state >> 16) % kAlphabet.size()];
    }
    base64 += "\r\n";
  }
  return base64.replace(0, kSerial.size(), kSerial);
}

std::string MakeMail(size_t variant) {
  const std::string sentence = fmt::format(
      "いつもご利用いただきありがとうございます。お客様の口座（{}）に確認が必要な取引がありました。"
      "二十四時間以内に次のページで手続きを完了してください。\r\n",
      variant);
  std::string text = fmt::format("管理番号 {} のお客様\r\n", kSerial);
  std::string html = fmt::format("<html><body><p>管理番号 {} のお客様</p>", kSerial);
  for (int i = 0; i < 20; ++i) text += sentence;
  for (int i = 0; i < 18; ++i) html += "<p>" + sentence + "</p>";
  const std::string link = fmt::format("https://login.example.com/{}/verify", kSerial);
  text += link + "\r\n";
  html += fmt::format("<a href=\"{}\">手続きへ</a></body></html>\r\n", link);
  return fmt::format(
      "From: \"Support\" <support@mail.example.com>\r\n"
      "To: <staff@agency.example.jp>\r\n"
      "Subject: =?UTF-8?B?44CQ6YeN6KaB44CR44GK5Y+W5byV44Gu56K66KqN?= {0}\r\n"
      "Date: Fri, 20 Nov 2026 09:12:44 +0900\r\n"
      "Message-ID: <{0}@mail.example.com>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"
      "--b1\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "{1}--b1\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "{2}--b1\r\nContent-Type: application/octet-stream; name=\"invoice.zip\"\r\n"
      "Content-Disposition: attachment; filename=\"invoice.zip\"\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n{3}--b1--\r\n",
      kSerial, text, html,
      MakeAttachment(kMailBytes - kMailHeaderBytes - text.size() - html.size()));
}

std::string MakeMailSubmission(size_t variant) {
  v1::Submission submission = Blank();
  v1::SuspiciousMail& mail = *submission.mutable_mail();
  mail.set_raw(MakeMail(variant));
  mail.mutable_treatment()->set_opened(false);
  mail.set_recipients(3);
  const size_t size = submission.ByteSizeLong();
  NOROSHI_CHECK(size > kMailBytes * 9 / 10 && size < kMailBytes * 11 / 10);
  return submission.SerializeAsString();
}

}  // namespace

SubmissionSource::Template SubmissionSource::MakeTemplate(std::string bytes) {
  NOROSHI_CHECK(bytes.substr(kIdOffset, kIdBytes) == std::string(kIdBytes, '\0'));
  Template made{std::move(bytes), {}};
  for (size_t at = made.bytes.find(kSerial); at != std::string::npos;
       at = made.bytes.find(kSerial, at + 1)) {
    made.serials.push_back(at);
  }
  NOROSHI_CHECK(!made.serials.empty());
  return made;
}

SubmissionSource SubmissionSource::Reports() {
  std::vector<Template> templates;
  for (const Story& story : kStories) templates.push_back(MakeTemplate(MakeReport(story)));
  return SubmissionSource(std::move(templates));
}

SubmissionSource SubmissionSource::Mails() {
  std::vector<Template> templates;
  for (size_t i = 0; i < 8; ++i) templates.push_back(MakeTemplate(MakeMailSubmission(i)));
  return SubmissionSource(std::move(templates));
}

const std::string& SubmissionSource::Next(std::string_view id) {
  NOROSHI_CHECK(id.size() == kIdBytes);
  Template& next = templates_[number_ % templates_.size()];
  std::string serial;
  for (uint64_t rest = ++number_; serial.size() < kSerial.size(); rest /= 26) {
    serial += static_cast<char>('a' + rest % 26);
  }
  next.bytes.replace(kIdOffset, kIdBytes, id);
  for (const size_t at : next.serials) next.bytes.replace(at, serial.size(), serial);
  return next.bytes;
}

}  // namespace noroshi::bench
