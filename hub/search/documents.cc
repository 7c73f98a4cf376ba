#include "hub/search/documents.h"

#include <algorithm>

#include "common/base/encoding.h"
#include "hub/search/terms.h"
#include "noroshi/v1/action.pb.h"

namespace noroshi::search {
namespace {

using Made = Result<std::optional<Document>>;

// The terms of an object, until there are too many.
class Words {
 public:
  void Add(std::string_view text) {
    const std::string_view part = TruncateUtf8(text, kTextBytesMax - bytes_);
    bytes_ += part.size();
    if (!part.empty()) list_.AddText(part);
  }
  template <typename Texts>
  void AddAll(const Texts& texts) {
    for (const auto& text : texts) Add(text);
  }
  void AddHash(std::string_view sha256) {
    if (!sha256.empty()) list_.AddTerm(MarkedTerm(Mark::kHash, ToHex(sha256)));
  }
  const std::vector<std::string>& terms() const { return list_.terms(); }

 private:
  TermList list_;
  size_t bytes_ = 0;
};

bool ParseBody(const journal::Entry& entry, google::protobuf::MessageLite* message) {
  return !entry.erased &&
         message->ParseFromArray(entry.body.data(), static_cast<int>(entry.body.size()));
}

// ---- reports ----

void AddIncident(const v1::IncidentReport& incident, Words* words) {
  for (const std::string* text :
       {&incident.title(), &incident.what_happened(), &incident.impact(), &incident.response(),
        &incident.expected_recovery(), &incident.affected_service(), &incident.on_behalf_of()}) {
    words->Add(*text);
  }
}

void AddMail(const v1::MailFacts& mail, Words* words) {
  for (const std::string* text : {&mail.subject(), &mail.from(), &mail.message_id(),
                                  &mail.from_address(), &mail.return_path(), &mail.in_reply_to()}) {
    words->Add(*text);
  }
  words->AddAll(mail.urls());
  for (const auto& link : mail.links()) words->Add(link.target());
  words->AddAll(mail.hosts());
  words->AddAll(mail.ips());
  words->AddAll(mail.addresses());
  words->AddAll(mail.reply_to());
  for (const auto& attachment : mail.attachments()) {
    words->Add(attachment.name());
    words->Add(attachment.meant_name());
    words->AddHash(attachment.sha256());
    for (const auto& member : attachment.members()) {
      words->Add(member.name());
      words->AddHash(member.sha256());
    }
  }
  words->Add(mail.text());
}

void AddSubmission(const v1::Submission& submission, Words* words) {
  if (submission.has_incident()) AddIncident(submission.incident(), words);
  if (submission.has_mail()) words->Add(submission.mail().note());
  if (submission.has_observation()) {
    words->Add(submission.observation().source());
    words->Add(submission.observation().event());
    words->Add(submission.observation().detail());
  }
}

Made ReportDocument(const store::View& view, const ReadEntry& read, const Object& object) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Submission(ReadBigEndian64(object.id)));
  if (!row || row->erased()) return std::optional<Document>();
  Words words;
  v1::Submission submission;
  NOROSHI_ASSIGN_OR_RETURN(const auto entry, read(row->sequence()));
  if (ParseBody(entry, &submission)) AddSubmission(submission, &words);
  if (row->kind() == v1::ENTRY_KIND_SUSPICIOUS_MAIL && row->analysis_sequence() != 0) {
    v1::AnalysisResult result;
    NOROSHI_ASSIGN_OR_RETURN(const auto found, read(row->analysis_sequence()));
    if (ParseBody(found, &result)) AddMail(result.mail(), &words);
  }
  Document document;
  document.facts.owner = row->organization();
  document.facts.tlp = row->handling().tlp();
  document.facts.exercise_id = row->exercise_id();
  if (!row->handling().circle().empty()) {
    document.facts.circles.push_back(row->handling().circle());
  }
  document.terms = words.terms();
  return std::optional(std::move(document));
}

// ---- the others ----

Made CaseDocument(const store::View& view, const Object& object) {
  const uint64_t id = ReadBigEndian64(object.id);
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Case(id));
  if (!row) return std::optional<Document>();
  Words words;
  words.Add(row->title());
  words.Add(row->text());
  words.Add(row->lessons());
  NOROSHI_ASSIGN_OR_RETURN(const auto events, view.CaseEvents(id, 0, kCaseEventsMax));
  for (const auto& event : events) words.Add(event.text());
  Document document;
  document.facts.tlp = row->tlp();
  document.facts.circles.assign(row->circles().begin(), row->circles().end());
  document.facts.exercise_id = row->exercise_id();
  document.terms = words.terms();
  return std::optional(std::move(document));
}

Made AlertDocument(const store::View& view, const Object& object) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Alert(object.id));
  if (!row) return std::optional<Document>();
  const v1::Alert& alert = row->original();
  Words words;
  for (const std::string* text : {&alert.title_ja(), &alert.title_en(), &alert.text_ja(),
                                  &alert.text_en(), &alert.originator()}) {
    words.Add(*text);
  }
  for (const auto& indicator : alert.indicators()) words.Add(indicator.value());
  Document document;
  document.facts.tlp = alert.tlp();
  if (!alert.circle().empty()) document.facts.circles.push_back(alert.circle());
  document.facts.exercise_id = alert.exercise_id();
  NOROSHI_ASSIGN_OR_RETURN(const auto audience, view.AudienceOf(object.id));
  for (const auto& recipient : audience.recipients()) {
    document.receivers.push_back(recipient.organization());
  }
  document.terms = words.terms();
  return std::optional(std::move(document));
}

Made OrganizationDocument(const store::View& view, const Object& object) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Organization(object.id));
  if (!row) return std::optional<Document>();
  Words words;
  words.Add(row->organization().id());
  words.Add(row->organization().name_ja());
  words.Add(row->organization().name_en());
  Document document;
  document.facts.owner = object.id;
  document.terms = words.terms();
  return std::optional(std::move(document));
}

Made PersonDocument(const store::View& view, const Object& object) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Person(object.id));
  if (!row) return std::optional<Document>();
  Words words;
  words.Add(row->person().id());
  words.Add(row->person().name());
  Document document;
  document.facts.owner = row->person().organization();
  document.terms = words.terms();
  return std::optional(std::move(document));
}

Made MakeOfKind(const store::View& view, const ReadEntry& read, const Object& object) {
  switch (object.kind) {
    case Kind::kCase:
      return CaseDocument(view, object);
    case Kind::kReport:
      return ReportDocument(view, read, object);
    case Kind::kAlert:
      return AlertDocument(view, object);
    case Kind::kOrganization:
      return OrganizationDocument(view, object);
    case Kind::kPerson:
      return PersonDocument(view, object);
  }
  return std::optional<Document>();
}

// ---- what an entry touches ----

class Touched {
 public:
  Touched(const store::View& view, uint64_t at) : view_(view), at_(at) {}

  // A case is touched from the entry on that opened it, however far the state has come.
  void Case(uint64_t id) {
    if (id <= at_) objects_.push_back({Kind::kCase, BigEndian64(id)});
  }
  // With the cases that it opened, that it is in and that it was split off from.
  Result<void> Report(uint64_t sequence) {
    objects_.push_back({Kind::kReport, BigEndian64(sequence)});
    Case(sequence);
    NOROSHI_ASSIGN_OR_RETURN(const auto row, view_.Submission(sequence));
    if (row && row->case_id() != 0) Case(row->case_id());
    if (row) std::ranges::for_each(row->left(), [this](uint64_t id) { Case(id); });
    return {};
  }
  Result<void> CaseOfQuestion(const std::string& id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, view_.Question(id));
    if (row) Case(row->case_id());
    return {};
  }
  void Person(const std::string& id) { objects_.push_back({Kind::kPerson, id}); }
  void Organization(const std::string& id) { objects_.push_back({Kind::kOrganization, id}); }

  Result<void> By(const v1::Action& action);
  std::vector<Object> Take() { return std::move(objects_); }

 private:
  const store::View& view_;
  const uint64_t at_;
  std::vector<Object> objects_;
};

Result<void> Touched::By(const v1::Action& action) {
  switch (action.action_case()) {
    case v1::Action::kPersonSet:
      return Person(action.person_set().id()), Result<void>();
    case v1::Action::kOrganizationSet:
      return Organization(action.organization_set().id()), Result<void>();
    case v1::Action::kCaseOpened:
      return Case(at_), Result<void>();
    case v1::Action::kCasesJoined:
      Case(action.cases_joined().from());
      return Case(action.cases_joined().into()), Result<void>();
    case v1::Action::kCaseSplit:
      Case(action.case_split().case_id());
      return Case(at_), Result<void>();
    case v1::Action::kCaseNoted:
      return Case(action.case_noted().case_id()), Result<void>();
    case v1::Action::kCaseClassified:
      return Case(action.case_classified().case_id()), Result<void>();
    case v1::Action::kCaseClosed:
      return Case(action.case_closed().case_id()), Result<void>();
    case v1::Action::kCaseReopened:
      return Case(action.case_reopened().case_id()), Result<void>();
    case v1::Action::kQuestionAsked:
      return Case(action.question_asked().case_id()), Result<void>();
    case v1::Action::kQuestionAnswered:
      return CaseOfQuestion(action.question_answered().question_id());
    case v1::Action::kQuestionWithdrawn:
      return CaseOfQuestion(action.question_withdrawn().question_id());
    case v1::Action::kMarkingLoosened:
      return Report(action.marking_loosened().sequence());
    default:
      return {};  // Nothing that is found changes.
  }
}

template <typename Message>
Message BodyOf(const journal::Entry& entry) {
  Message message;
  return ParseBody(entry, &message) ? message : Message();
}

}  // namespace

Made MakeDocument(const store::View& view, const ReadEntry& read, const Object& object) {
  NOROSHI_ASSIGN_OR_RETURN(auto document, MakeOfKind(view, read, object));
  if (document) document->object = object;
  return document;
}

Result<std::vector<Object>> TouchedBy(const store::View& view, const journal::Entry& entry) {
  Touched touched(view, entry.sequence);
  switch (entry.header.kind()) {
    case v1::ENTRY_KIND_INCIDENT_REPORT:
    case v1::ENTRY_KIND_SUSPICIOUS_MAIL:
    case v1::ENTRY_KIND_OBSERVATION:
      NOROSHI_RETURN_IF_ERROR(touched.Report(entry.sequence));
      break;
    case v1::ENTRY_KIND_ANALYSIS_RESULT:
      NOROSHI_RETURN_IF_ERROR(touched.Report(BodyOf<v1::AnalysisResult>(entry).subject_sequence()));
      break;
    case v1::ENTRY_KIND_BODY_ERASED:
      NOROSHI_RETURN_IF_ERROR(touched.Report(BodyOf<v1::BodyErased>(entry).sequence()));
      break;
    case v1::ENTRY_KIND_ORGANIZATION_SET:
      touched.Organization(BodyOf<v1::OrganizationSet>(entry).id());
      break;
    case v1::ENTRY_KIND_ACTION:
      NOROSHI_RETURN_IF_ERROR(touched.By(BodyOf<v1::Action>(entry)));
      break;
    default:
      break;
  }
  return touched.Take();
}

}  // namespace noroshi::search
