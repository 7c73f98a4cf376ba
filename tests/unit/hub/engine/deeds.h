// What persons do, for tests: short words for the actions, and a scene with a
// centre whose persons do them.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "hub/engine/refusals.h"
#include "noroshi/v1/action.pb.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {

// A 32-byte hash, and a 16-byte id, that follow from a word.
inline std::string HashOf(const std::string& word) { return Sha256Of(word); }
inline std::string IdOf(const std::string& word) { return Sha256Of(word).substr(0, Uuid::kBytes); }

namespace deeds {

inline v1::Action Person(const std::string& id, const std::string& organization,
                         std::initializer_list<v1::Role> roles, bool disabled = false) {
  v1::Action action;
  v1::PersonSet& person = *action.mutable_person_set();
  person.set_id(id);
  person.set_organization(organization);
  person.set_name("氏名 " + id);
  for (const v1::Role role : roles) person.add_roles(role);
  person.set_disabled(disabled);
  return action;
}

inline v1::Action Password(const std::string& person, const std::string& hash,
                           const std::string& link = "") {
  v1::Action action;
  action.mutable_person_secrets_set()->set_person(person);
  action.mutable_person_secrets_set()->set_password_hash(hash);
  if (!link.empty()) action.mutable_person_secrets_set()->set_link_sha256(HashOf(link));
  return action;
}

inline v1::Action Link(const std::string& person, const std::string& link, int64_t expires_at_ms) {
  v1::Action action;
  action.mutable_sign_in_link_issued()->set_person(person);
  action.mutable_sign_in_link_issued()->set_secret_sha256(HashOf(link));
  action.mutable_sign_in_link_issued()->set_expires_at_ms(expires_at_ms);
  return action;
}

inline v1::Action SignIn(const std::string& person, const std::string& session,
                         int64_t expires_at_ms = INT64_MAX) {
  v1::Action action;
  action.mutable_session_opened()->set_person(person);
  action.mutable_session_opened()->set_session(HashOf(session));
  action.mutable_session_opened()->set_method("password");
  action.mutable_session_opened()->set_expires_at_ms(expires_at_ms);
  return action;
}

inline v1::Action Identity(const std::string& person, const std::string& issuer,
                           const std::string& subject, const std::string& certificate) {
  v1::Action action;
  v1::PersonIdentitySet& identity = *action.mutable_person_identity_set();
  identity.set_person(person);
  identity.set_issuer(issuer);
  identity.set_subject(subject);
  if (!certificate.empty()) identity.set_certificate_sha256(HashOf(certificate));
  return action;
}

inline v1::Action Open(const std::string& kind, const std::string& title,
                       const std::string& exercise = "", v1::Tlp tlp = v1::TLP_GREEN) {
  v1::Action action;
  action.mutable_case_opened()->set_kind(kind);
  action.mutable_case_opened()->set_title(title);
  action.mutable_case_opened()->set_exercise_id(exercise);
  action.mutable_case_opened()->set_tlp(tlp);
  return action;
}

inline v1::Action Assign(uint64_t id, const std::string& assignee, uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_assigned()->set_case_id(id);
  action.mutable_case_assigned()->set_assignee(assignee);
  action.mutable_case_assigned()->set_expected_version(version);
  return action;
}

inline v1::Action Classify(uint64_t id, const std::string& event_type, uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_classified()->set_case_id(id);
  action.mutable_case_classified()->set_event_type(event_type);
  action.mutable_case_classified()->set_expected_version(version);
  return action;
}

inline v1::Action Prioritise(uint64_t id, uint32_t priority, uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_prioritised()->set_case_id(id);
  action.mutable_case_prioritised()->set_priority(priority);
  action.mutable_case_prioritised()->set_expected_version(version);
  return action;
}

inline v1::Action Note(uint64_t id, const std::string& text = "note") {
  v1::Action action;
  action.mutable_case_noted()->set_case_id(id);
  action.mutable_case_noted()->set_text(text);
  return action;
}

inline v1::Action Close(uint64_t id, uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_closed()->set_case_id(id);
  action.mutable_case_closed()->set_resolution("resolved");
  action.mutable_case_closed()->set_lessons("教訓");
  action.mutable_case_closed()->set_severity(2);
  action.mutable_case_closed()->set_expected_version(version);
  return action;
}

inline v1::Action Reopen(uint64_t id, uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_reopened()->set_case_id(id);
  action.mutable_case_reopened()->set_reason("reason");
  action.mutable_case_reopened()->set_expected_version(version);
  return action;
}

inline v1::Action Join(uint64_t from, uint64_t into, uint64_t version = 0) {
  v1::Action action;
  action.mutable_cases_joined()->set_from(from);
  action.mutable_cases_joined()->set_into(into);
  action.mutable_cases_joined()->set_expected_version(version);
  action.mutable_cases_joined()->set_reason("同じ件");
  return action;
}

inline v1::Action Split(uint64_t id, const std::vector<uint64_t>& submissions,
                        uint64_t version = 0) {
  v1::Action action;
  action.mutable_case_split()->set_case_id(id);
  for (const uint64_t sequence : submissions)
    action.mutable_case_split()->add_submissions(sequence);
  action.mutable_case_split()->set_expected_version(version);
  action.mutable_case_split()->set_title("別件");
  return action;
}

inline v1::Action Loosen(uint64_t sequence, v1::Tlp tlp) {
  v1::Action action;
  action.mutable_marking_loosened()->set_sequence(sequence);
  action.mutable_marking_loosened()->set_tlp(tlp);
  return action;
}

inline v1::Action Ask(const std::string& id, uint64_t case_id, const std::string& organization) {
  v1::Action action;
  action.mutable_question_asked()->set_question_id(IdOf(id));
  action.mutable_question_asked()->set_case_id(case_id);
  action.mutable_question_asked()->set_organization(organization);
  action.mutable_question_asked()->set_text("いつ気付きましたか");
  return action;
}

inline v1::Action Answer(const std::string& id, const std::string& person = "") {
  v1::Action action;
  action.mutable_question_answered()->set_question_id(IdOf(id));
  action.mutable_question_answered()->set_text("昨日");
  action.mutable_question_answered()->set_person(person);
  return action;
}

inline v1::Action Withdraw(const std::string& id) {
  v1::Action action;
  action.mutable_question_withdrawn()->set_question_id(IdOf(id));
  action.mutable_question_withdrawn()->set_reason("済");
  return action;
}

inline v1::Action Sample(const std::string& id, const std::string& organization,
                         uint64_t case_id = 0) {
  v1::Action action;
  v1::SampleStored& sample = *action.mutable_sample_stored();
  sample.set_sample_id(IdOf(id));
  sample.set_organization(organization);
  sample.set_case_id(case_id);
  sample.set_name(id + ".exe");
  sample.set_content("MZ");
  sample.mutable_handling()->set_tlp(v1::TLP_AMBER);
  return action;
}

inline v1::Action Take(const std::string& id) {
  v1::Action action;
  action.mutable_sample_taken()->set_sample_id(IdOf(id));
  return action;
}

inline v1::Action Request(const std::string& id, const std::string& sample) {
  v1::Action action;
  action.mutable_analysis_requested()->set_request_id(IdOf(id));
  action.mutable_analysis_requested()->set_sample_id(IdOf(sample));
  return action;
}

inline v1::Action Move(const std::string& id, v1::RequestState state) {
  v1::Action action;
  action.mutable_analysis_request_moved()->set_request_id(IdOf(id));
  action.mutable_analysis_request_moved()->set_state(state);
  action.mutable_analysis_request_moved()->set_result("result");
  return action;
}

inline v1::Action Propose(const std::string& id, const v1::AlertIssued& alert) {
  v1::Action action;
  action.mutable_proposal_made()->set_proposal_id(IdOf(id));
  *action.mutable_proposal_made()->mutable_alert() = alert;
  return action;
}

inline v1::Action Decide(const std::string& id, bool approved) {
  v1::Action action;
  action.mutable_proposal_decided()->set_proposal_id(IdOf(id));
  action.mutable_proposal_decided()->set_approved(approved);
  return action;
}

}  // namespace deeds

// Persons "ana" and "app" of the centre, "rep" of the ministry "moj".
class DeedScene : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    script_.Organization(Script::Org("centre", v1::ORGANIZATION_KIND_CENTRE));
    EXPECT_EQ(Do(deeds::Person("root", "centre", {v1::ROLE_ADMINISTRATOR})), "");
    EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_ANALYST})), "");
    EXPECT_EQ(Do(deeds::Person("app", "centre", {v1::ROLE_APPROVER})), "");
    EXPECT_EQ(Do(deeds::Person("rep", "moj", {v1::ROLE_REPORTER})), "");
  }

  // Appends the action and applies it. What the audit says: "" or the refusal.
  std::string Do(const v1::Action& action, const std::string& person = "ana",
                 const std::string& organization = "centre") {
    last_ = script_.Add(v1::ENTRY_KIND_ACTION, action, organization, "person:" + person);
    applied_ = Follow();
    const auto audit = *View()->AuditOf(last_);
    EXPECT_TRUE(audit.has_value()) << "no row in the audit";
    return audit ? audit->refused() : "no audit";
  }
  // An incident report that opens a case; its id.
  uint64_t NewCase(const std::string& organization = "moj", v1::Tlp tlp = v1::TLP_GREEN) {
    const uint64_t sequence = script_.Submit(organization, script_.Incident("障害", tlp));
    Follow();
    return sequence;
  }
  // A mail with findings: the subject line says which case it is of.
  uint64_t NewMail(const std::string& organization, const std::string& exact,
                   const std::string& text = "") {
    const uint64_t sequence = script_.AnalysedMail(organization, exact, text);
    Follow();
    return sequence;
  }
  // Findings of a report or a mail, with this event type.
  void Found(uint64_t subject, const std::string& event_type, bool reanalysis = false) {
    v1::AnalysisResult result = Script::Findings(subject);
    result.set_reanalysis(reanalysis);
    result.mutable_classification()->mutable_event_type()->set_id(event_type);
    result.mutable_classification()->mutable_event_type()->set_confidence_percent(60);
    script_.Analysed(result);
    Follow();
  }
  store::PersonRow Person(const std::string& id) const {
    return (*View()->Person(id)).value_or(store::PersonRow());
  }
  bool HasSession(const std::string& session) const {
    return View()->Session(HashOf(session))->has_value();
  }
  std::vector<uint64_t> CasesIn(store::List list, const std::string& owner) const {
    std::vector<uint64_t> ids;
    const std::vector<std::string> keys = *View()->Ids(list, owner, "", store::kListMax);
    for (const std::string& id : keys) {
      ids.push_back(ReadBigEndian64(id));
    }
    return ids;
  }
  std::vector<uint64_t> MembersOf(uint64_t case_id) const {
    std::vector<uint64_t> members;
    const std::vector<store::SubmissionRow> rows =
        *View()->SubmissionsOfCase(case_id, 0, store::kListMax);
    for (const store::SubmissionRow& row : rows) {
      EXPECT_EQ(row.case_id(), case_id);
      members.push_back(row.sequence());
    }
    return members;
  }

  uint64_t last_ = 0;  // The newest action's entry.
  Applied applied_;    // What it changed.
};

}  // namespace noroshi::engine
