// A scene: a journal in memory, a real state in a temporary folder, and short
// words for the entries that tests need.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/engine/engine.h"
#include "hub/store/store.h"
#include "tests/unit/hub/engine/memory_journal.h"

namespace noroshi::engine {

inline std::string MakeFolder() {
  std::string name = ::testing::TempDir() + "/engine.XXXXXX";
  NOROSHI_CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

// Writes entries.
class Script {
 public:
  explicit Script(MemoryJournal* journal) : journal_(*journal) {}

  uint64_t Add(v1::EntryKind kind, const google::protobuf::MessageLite& body,
               const std::string& organization = "", const std::string& agent = "",
               std::optional<Uuid> id = {}) {
    uint64_t sequence = 0;
    journal_.Append({kind, organization, agent, id, body.SerializeAsString()},
                    [&](const Result<journal::Acceptance>& done) {
                      NOROSHI_CHECK(done.ok());
                      sequence = done->sequence;
                    });
    return sequence;
  }

  void Start() {
    v1::LogStarted started;
    started.set_log_id(journal_.log_id());
    started.set_hub_name("test");
    Add(v1::ENTRY_KIND_LOG_STARTED, started);
  }

  static v1::OrganizationSet Org(const std::string& id, v1::OrganizationKind kind,
                                 const std::string& sector = "", const std::string& circle = "") {
    v1::OrganizationSet organization;
    organization.set_id(id);
    organization.set_name_ja("機関" + id);
    organization.set_name_en("Organisation " + id);
    organization.set_kind(kind);
    organization.set_sector(sector);
    if (!circle.empty()) organization.add_circles(circle);
    return organization;
  }
  uint64_t Organization(const v1::OrganizationSet& organization) {
    return Add(v1::ENTRY_KIND_ORGANIZATION_SET, organization);
  }

  // A token and the certificate that it buys.
  uint64_t Enrol(const std::string& organization, const std::string& agent,
                 const std::string& serial) {
    const std::string token = Sha256Of(organization + "/" + agent + serial);
    Token(organization, agent, token);
    return Certify(organization, agent, serial, token);
  }
  uint64_t Token(const std::string& organization, const std::string& agent,
                 const std::string& token) {
    v1::AgentTokenIssued issued;
    issued.set_organization(organization);
    issued.set_agent(agent);
    issued.set_secret_sha256(token);
    issued.set_expires_at_ms(journal_.time_ms() + 1000);
    return Add(v1::ENTRY_KIND_AGENT_TOKEN_ISSUED, issued);
  }
  uint64_t Certify(const std::string& organization, const std::string& agent,
                   const std::string& serial, const std::string& token) {
    v1::AgentCertified certified;
    certified.set_organization(organization);
    certified.set_agent(agent);
    certified.set_serial(serial);
    certified.set_token_sha256(token);
    return Add(v1::ENTRY_KIND_AGENT_CERTIFIED, certified);
  }
  uint64_t Revoke(const std::string& organization, const std::string& agent) {
    v1::AgentRevoked revoked;
    revoked.set_organization(organization);
    revoked.set_agent(agent);
    revoked.set_reason("lost");
    return Add(v1::ENTRY_KIND_AGENT_REVOKED, revoked);
  }

  // A submission with the usual handling; change it before Submit.
  v1::Submission Draft(v1::Tlp tlp = v1::TLP_GREEN, const std::string& exercise = "") {
    v1::Submission submission;
    std::array<uint8_t, 10> random{};
    random[8] = static_cast<uint8_t>(++ids_ >> 8);
    random[9] = static_cast<uint8_t>(ids_);
    submission.set_id(Uuid::MakeV7(journal_.time_ms(), random).bytes());
    submission.set_exercise_id(exercise);
    submission.mutable_handling()->set_tlp(tlp);
    return submission;
  }
  v1::Submission Mail(v1::Tlp tlp = v1::TLP_GREEN, const std::string& exercise = "") {
    v1::Submission submission = Draft(tlp, exercise);
    submission.mutable_mail()->set_raw("Subject: x\r\n\r\nx");
    return submission;
  }
  v1::Submission Incident(const std::string& title, v1::Tlp tlp = v1::TLP_GREEN,
                          const std::string& thread = "") {
    v1::Submission submission = Draft(tlp);
    submission.mutable_incident()->set_title(title);
    submission.mutable_incident()->set_thread_id(thread);
    submission.mutable_incident()->set_stage(thread.empty() ? v1::REPORT_STAGE_FIRST
                                                            : v1::REPORT_STAGE_FOLLOW_UP);
    return submission;
  }
  uint64_t Submit(const std::string& organization, const v1::Submission& submission) {
    const v1::EntryKind kind = submission.has_mail()       ? v1::ENTRY_KIND_SUSPICIOUS_MAIL
                               : submission.has_incident() ? v1::ENTRY_KIND_INCIDENT_REPORT
                                                           : v1::ENTRY_KIND_OBSERVATION;
    return Add(kind, submission, organization, "a", *Uuid::FromBytes(submission.id()));
  }

  static v1::AnalysisResult Findings(uint64_t subject, const std::string& exact = "",
                                     const std::string& text = "") {
    v1::AnalysisResult result;
    result.set_subject_sequence(subject);
    result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
    v1::MailSketch& sketch = *result.mutable_mail()->mutable_sketch();
    if (!exact.empty()) AddTie(v1::TIE_KIND_SAME_MAIL, exact, &sketch);
    if (!text.empty()) AddTie(v1::TIE_KIND_SAME_TEXT, "t" + text, &sketch);
    return result;
  }
  static void AddTie(v1::TieKind kind, const std::string& value, v1::MailSketch* sketch) {
    v1::MailTie* tie = sketch->add_ties();
    tie->set_kind(kind);
    tie->set_key(Sha256Of(value).substr(0, 16));
    tie->set_shown(value);
  }
  // A text that agrees with all of this seed but in `others` of its 128 slots.
  static void AddText(uint32_t seed, uint32_t others, uint32_t own, v1::MailSketch* sketch) {
    for (uint32_t slot = 0; slot < 128; ++slot) {
      const bool differs = slot + others >= 128;
      sketch->add_minhash(differs ? (own + 1) * 1'000'003 + slot : seed * 7919 + slot);
    }
  }
  uint64_t Analysed(const v1::AnalysisResult& result) {
    return Add(v1::ENTRY_KIND_ANALYSIS_RESULT, result);
  }
  // A mail and its analysis.
  uint64_t AnalysedMail(const std::string& organization, const std::string& exact,
                        const std::string& text = "", const std::string& exercise = "",
                        v1::Tlp tlp = v1::TLP_GREEN) {
    const uint64_t sequence = Submit(organization, Mail(tlp, exercise));
    v1::AnalysisResult result = Findings(sequence, exact, text);
    result.mutable_mail()->set_subject("請求書");
    result.mutable_mail()->add_urls("http://evil.example/");
    result.mutable_mail()->add_urls("http://evil.example/?to=" + organization);
    Analysed(result);
    return sequence;
  }

  static v1::AlertRule Rule(const std::string& id, uint32_t organizations,
                            const std::string& selector = "all") {
    v1::AlertRule rule;
    rule.set_id(id);
    rule.set_case_kind("campaign");
    rule.set_organizations_at_least(organizations);
    rule.set_alert_kind(v1::ALERT_KIND_WARNING);
    rule.add_audience(selector);
    rule.set_title_ja("注意: {title}");
    rule.set_title_en("Warning: {title}");
    rule.set_text_ja("{count_submissions}件 {count_organizations}機関");
    rule.set_text_en("{count_submissions} from {count_organizations}");
    return rule;
  }
  uint64_t Rules(const std::vector<v1::AlertRule>& rules) {
    v1::AlertRulesSet set;
    for (const v1::AlertRule& rule : rules) *set.add_rules() = rule;
    return Add(v1::ENTRY_KIND_ALERT_RULES_SET, set);
  }

  static v1::AlertIssued Warning(char id, v1::Tlp tlp, const std::string& selector) {
    v1::AlertIssued issued;
    v1::Alert& alert = *issued.mutable_alert();
    alert.set_alert_id(std::string(16, id));
    alert.set_kind(v1::ALERT_KIND_WARNING);
    alert.set_tlp(tlp);
    alert.set_title_ja("題");
    alert.set_title_en("title");
    alert.set_text_ja("本文");
    alert.set_text_en("text");
    issued.add_audience(selector);
    issued.set_issued_by("tanaka");
    return issued;
  }
  uint64_t Alert(const v1::AlertIssued& issued) { return Add(v1::ENTRY_KIND_ALERT_ISSUED, issued); }
  uint64_t Cursor(const std::string& organization, const std::string& agent, uint64_t position) {
    v1::CursorsAdvanced advanced;
    auto& cursor = *advanced.add_cursors();
    cursor.set_organization(organization);
    cursor.set_agent(agent);
    cursor.set_position(position);
    return Add(v1::ENTRY_KIND_CURSORS_ADVANCED, advanced);
  }
  uint64_t Mark(const std::string& organization, const std::string& alert_id,
                v1::DeliveryMark mark) {
    v1::AlertMarked marked;
    marked.set_alert_id(alert_id);
    marked.set_mark(mark);
    marked.set_person("suzuki");
    return Add(v1::ENTRY_KIND_ALERT_MARKED, marked, organization, "a");
  }
  uint64_t Time(int64_t time_ms) {
    v1::TimeReached reached;
    reached.set_time_ms(time_ms);
    return Add(v1::ENTRY_KIND_TIME_REACHED, reached);
  }

 private:
  MemoryJournal& journal_;
  uint32_t ids_ = 0;
};

// A journal with three organisations and an engine that follows it.
class Scene : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = MakeFolder();
    auto opened = store::Store::Open({root_ + "/state"});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::move(*opened);
    script_.Start();
    script_.Organization(Script::Org("moj", v1::ORGANIZATION_KIND_MINISTRY));
    script_.Organization(Script::Org("nict", v1::ORGANIZATION_KIND_INCORPORATED_AGENCY));
    script_.Organization(Script::Org("bank", v1::ORGANIZATION_KIND_CEPTOAR, "finance"));
    Follow();
  }
  void TearDown() override {
    engine_.reset();
    store_.reset();
    std::filesystem::remove_all(root_);
  }

  // Applies what the journal has beyond the state.
  Applied Follow() {
    if (!engine_) engine_ = *Engine::Create(store_.get());
    const auto entries = *journal_.Read(engine_->next(), SIZE_MAX, SIZE_MAX);
    auto applied = engine_->Apply(entries);
    EXPECT_TRUE(applied.ok()) << applied.error().message;
    return applied.ok() ? *applied : Applied();
  }
  std::unique_ptr<store::Reader> View() const { return store_->Snapshot(); }
  store::SubmissionRow Submission(uint64_t sequence) const {
    return (*View()->Submission(sequence)).value_or(store::SubmissionRow());
  }
  store::CaseRow Case(uint64_t id) const { return (*View()->Case(id)).value_or(store::CaseRow()); }
  store::DeliveryRow Delivery(const std::string& alert, const std::string& organization) const {
    return (*View()->Delivery(alert, organization)).value_or(store::DeliveryRow());
  }
  // Its items with their positions, oldest first.
  std::vector<std::pair<uint64_t, store::OutboxRow>> Outbox(const std::string& organization) const {
    auto items = *View()->OutboxBefore(organization, 0, 1000);
    std::ranges::reverse(items);
    return items;
  }
  static v1::Update UpdateIn(const store::OutboxRow& item) {
    v1::Update update;
    EXPECT_TRUE(update.ParseFromString(item.update()) && update.sequence() != 0);
    return update;
  }
  // Of new items, each organisation once.
  static std::set<std::string> Receivers(const Applied& applied) {
    std::set<std::string> names;
    for (const store::OutboxItem& item : applied.outboxes) names.insert(item.organization);
    return names;
  }
  store::AlertRow OnlyAlert() const {
    const auto alerts = *View()->Alerts(0, 10);
    EXPECT_EQ(alerts.size(), 1u);
    return alerts.empty() ? store::AlertRow() : alerts.front();
  }

  store::AudienceRow OnlyAudience() const { return *View()->AudienceOf(OnlyAlert().alert_id()); }

  std::string root_;
  MemoryJournal journal_;
  Script script_{&journal_};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace noroshi::engine
