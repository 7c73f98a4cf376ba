// Random sequences of what persons do, what is submitted and what analysis finds:
// batches and replays give the same state, nothing stops the engine, and every list
// holds exactly what a count over all rows says.
#include <gmock/gmock.h>

#include <random>
#include <set>

#include "hub/engine/rebuild.h"
#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

// Writes a journal. What it does is often not allowed: case ids, versions, names and
// owners are guessed.
class DeedScript {
 public:
  DeedScript(MemoryJournal* journal, uint32_t seed)
      : journal_(*journal), script_(journal), random_(seed) {}

  void Write(size_t count) {
    script_.Start();
    script_.Organization(Script::Org("centre", v1::ORGANIZATION_KIND_CENTRE));
    for (const char* id : kOrganizations) {
      script_.Organization(Script::Org(id, v1::ORGANIZATION_KIND_MINISTRY));
    }
    v1::AlertRule typed = Script::Rule("typed", 1);
    typed.clear_case_kind();
    typed.add_event_types("phishing");
    script_.Rules({Script::Rule("two", 2), Script::Rule("three", 3), typed});
    Act(deeds::Person("root", "centre", {v1::ROLE_ADMINISTRATOR}));
    while (journal_.size() < count) Step();
  }

 private:
  static constexpr const char* kOrganizations[] = {"moj", "nict", "bank"};
  static constexpr const char* kPersons[] = {"root", "ana", "app", "rep", "nobody"};

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  std::string AnyOrg() { return kOrganizations[Below(3)]; }
  std::string AnyPerson() { return kPersons[Below(5)]; }
  std::string Word(const char* kind, uint32_t bound) { return kind + std::to_string(Below(bound)); }
  std::string Realm() { return Below(6) == 0 ? "ex" : ""; }
  v1::Tlp AnyTlp() { return static_cast<v1::Tlp>(Below(6)); }
  std::string EventType() {
    static constexpr const char* kTypes[] = {"", "phishing", "malware", "dos"};
    return kTypes[Below(4)];
  }
  uint64_t AnyCase() {
    if (cases_.empty() || Below(20) == 0) return Below(static_cast<uint32_t>(journal_.size()) + 5);
    // Mostly recent ones, so that cases live long enough to be joined and split often.
    const size_t newest = std::min<size_t>(cases_.size(), 12);
    return cases_[cases_.size() - 1 - Below(static_cast<uint32_t>(newest))];
  }
  uint64_t Version() { return Below(3) == 0 ? Below(6) : 0; }

  uint64_t Act(v1::Action action) {
    if (Below(6) == 0) action.set_request_key(HashOf(Word("key", 400)));
    return script_.Add(v1::ENTRY_KIND_ACTION, action, Below(3) != 0 ? "centre" : AnyOrg(),
                       "person:" + AnyPerson());
  }

  void Step() {
    journal_.set_time_ms(journal_.time_ms() + Below(500));
    switch (Below(8)) {
      case 0:
        return Incident();
      case 1:
        return Mail();
      case 2:
        return Analysis();
      case 3:
        return Persons();
      case 4:
        return Regroup();
      case 5:
        return Exchange();
      case 6:
        return Rare();
      default:
        return Triage();
    }
  }
  void Incident() {
    const std::string organization = AnyOrg();
    v1::Submission report =
        script_.Incident(Word("題", 5), AnyTlp(), Below(2) == 0 ? "" : threads_[organization]);
    report.set_exercise_id(Realm());
    if (Below(3) == 0) threads_[organization] = report.id();
    Submitted(script_.Submit(organization, report));
  }
  void Mail() { Submitted(script_.Submit(AnyOrg(), script_.Mail(AnyTlp(), Realm()))); }
  void Submitted(uint64_t sequence) {
    pending_.push_back(sequence);
    cases_.push_back(sequence);
  }
  void Analysis() {
    if (pending_.empty()) return;
    const size_t newest = std::min<size_t>(pending_.size(), 10);
    const uint64_t subject = pending_[pending_.size() - 1 - Below(static_cast<uint32_t>(newest))];
    v1::AnalysisResult result = Script::Findings(subject, Word("e", 8), Word("t", 8));
    result.set_reanalysis(Below(3) == 0);
    result.mutable_classification()->mutable_event_type()->set_id(EventType());
    result.mutable_classification()->mutable_event_type()->set_confidence_percent(Below(101));
    script_.Analysed(result);
  }
  void Persons() {
    const std::string person = AnyPerson();
    switch (Below(7)) {
      case 0: {
        const bool centre = Below(4) != 0;
        const v1::Role role = centre ? v1::ROLE_ADMINISTRATOR : v1::ROLE_REPORTER;
        if (person == "nobody") return;
        Act(deeds::Person(person, person == "rep" ? "moj" : "centre", {role}, Below(4) == 0));
        return;
      }
      case 1:
        Act(deeds::Link(person, Word("l", 6), journal_.time_ms() + Below(2000)));
        return;
      case 2:
        Act(deeds::Password(person, Word("h", 3), Below(2) == 0 ? Word("l", 6) : ""));
        return;
      case 3:
        Act(deeds::Identity(person, "idp", Below(2) == 0 ? Word("s", 4) : "", Word("c", 4)));
        return;
      case 4: {
        auto organization = Script::Org(
            Below(2) == 0 ? "centre" : "moj",
            Below(5) == 0 ? v1::ORGANIZATION_KIND_POLICE : v1::ORGANIZATION_KIND_CENTRE);
        if (Below(3) != 0 && organization.id() == "moj") {
          organization.set_kind(v1::ORGANIZATION_KIND_MINISTRY);
        }
        organization.set_disabled(Below(4) == 0);
        v1::Action action;
        *action.mutable_organization_set() = organization;
        Act(action);
        return;
      }
      default: {
        v1::Action action = deeds::SignIn(person, std::to_string(journal_.size()),
                                          journal_.time_ms() + Below(60'000));
        action.mutable_session_opened()->set_totp_step(Below(3) == 0 ? Below(50) : 0);
        Act(action);
        return;
      }
    }
  }
  void Triage() {
    const uint64_t id = AnyCase();
    switch (Below(8)) {
      case 0:
        Act(deeds::Assign(id, Below(3) == 0 ? "" : AnyPerson(), Version()));
        return;
      case 1:
      case 2:
        Act(deeds::Classify(id, EventType(), Version()));
        return;
      case 3:
        Act(deeds::Prioritise(id, Below(5), Version()));
        return;
      case 4:
        Act(deeds::Note(id));
        return;
      case 5:
        closed_ = id;
        Act(deeds::Close(id, Version()));
        return;
      case 6:
        Act(deeds::Reopen(Below(2) == 0 ? id : closed_, Version()));
        return;
      default:
        Act(deeds::Loosen(id, static_cast<v1::Tlp>(static_cast<int>(Below(5)) - 1)));
        return;
    }
  }
  void Regroup() {
    static constexpr const char* kKinds[] = {"incident", "campaign", "vulnerability"};
    switch (Below(6)) {
      case 0:
        cases_.push_back(Act(deeds::Open(kKinds[Below(3)], "手で", Realm(), AnyTlp())));
        return;
      case 1:
      case 2:
      case 3:
        joined_.emplace_back(AnyCase(), AnyCase());
        Act(deeds::Join(joined_.back().first, joined_.back().second, Version()));
        return;
      case 4: {
        // What a join brought together.
        if (joined_.empty()) return;
        const auto [from, into] = joined_[Below(static_cast<uint32_t>(joined_.size()))];
        cases_.push_back(Act(deeds::Split(into, {from}, Version())));
        return;
      }
      default: {
        std::vector<uint64_t> submissions;
        for (uint32_t i = Below(3); i < 3; ++i) submissions.push_back(AnyCase());
        cases_.push_back(Act(deeds::Split(AnyCase(), submissions, Version())));
        return;
      }
    }
  }
  void Exchange() {
    const std::string word = Word("x", 25);
    switch (Below(9)) {
      case 0:
      case 1:
        Act(deeds::Ask(word, AnyCase(), AnyOrg()));
        return;
      case 2:
        Act(deeds::Answer(word));
        return;
      case 3:
        Act(deeds::Withdraw(word));
        return;
      case 4:
        Act(deeds::Sample(word, AnyOrg(), Below(2) == 0 ? 0 : AnyCase()));
        return;
      case 5:
        Act(deeds::Request(word, Word("x", 25)));
        return;
      case 6:
        Act(deeds::Move(word, static_cast<v1::RequestState>(Below(7))));
        return;
      case 7: {
        auto alert = Script::Warning(static_cast<char>('A' + Below(30)), AnyTlp(), "all");
        if (Below(2) == 0) alert.set_case_id(AnyCase());
        Act(deeds::Propose(word, alert));
        return;
      }
      default:
        Act(deeds::Decide(word, Below(3) != 0));
        return;
    }
  }
  void Rare() {
    if (Below(3) != 0) return Triage();
    v1::BodyErased erased;
    erased.set_sequence(AnyCase());
    script_.Add(v1::ENTRY_KIND_BODY_ERASED, erased);
  }

  MemoryJournal& journal_;
  Script script_;
  std::mt19937 random_;
  std::vector<uint64_t> pending_;
  std::vector<uint64_t> cases_;
  std::vector<std::pair<uint64_t, uint64_t>> joined_;
  uint64_t closed_ = 0;
  std::map<std::string, std::string> threads_;
};

using Lists = std::map<std::pair<store::List, std::string>, std::set<std::string>>;

// What the lists ought to hold, from all rows.
class Recounted {
 public:
  explicit Recounted(const store::View& view) : view_(view) {
    CountCases();
    CountSubmissions();
    CountPersons();
    CountExchanges();
  }
  const Lists& lists() const { return lists_; }
  uint64_t real_cases() const { return real_cases_; }
  uint64_t administrators() const { return administrators_; }

 private:
  void Add(store::List list, const std::string& owner, const std::string& id) {
    lists_[{list, owner}].insert(id);
  }
  void CountCases() {
    const std::vector<store::CaseRow> rows = *view_.Cases(0, store::kListMax);
    for (const store::CaseRow& row : rows) {
      const std::string id = BigEndian64(row.case_id());
      Add(store::List::kCasesByStatus, std::to_string(row.status()), id);
      if (!row.assignee().empty()) Add(store::List::kCasesByAssignee, row.assignee(), id);
      if (row.priority() != 0) {
        Add(store::List::kCasesByPriority, std::to_string(row.priority()), id);
      }
      const std::string& decided = row.decided().event_type().id();
      const std::string& type = decided.empty() ? row.classification().event_type().id() : decided;
      if (!type.empty()) Add(store::List::kCasesByEventType, type, id);
      if (row.kind() != store::v1::CASE_KIND_INCIDENT) {
        Add(store::List::kCasesByKind, std::to_string(row.kind()), id);
      }
      if (row.exercise_id().empty() && row.status() != store::v1::CASE_STATUS_JOINED) ++real_cases_;
      cases_[row.case_id()] = row;
    }
  }
  void CountSubmissions() {
    std::map<uint64_t, std::vector<store::SubmissionRow>> members;
    const std::vector<store::SubmissionRow> rows = *view_.Submissions(0, store::kListMax);
    for (const store::SubmissionRow& row : rows) {
      if (row.case_id() != 0) members[row.case_id()].push_back(row);
    }
    for (const auto& [id, row] : cases_) Check(row, members[id]);
  }
  // Counts and marking of one case; its members come newest first.
  void Check(const store::CaseRow& row, const std::vector<store::SubmissionRow>& members) {
    std::set<std::string> organizations;
    v1::Tlp strictest = row.has_handling() ? Effective(row.handling()) : v1::TLP_UNSPECIFIED;
    strictest = std::max(strictest, row.floor().tlp());
    for (const uint64_t left : row.left()) {
      strictest = std::max(strictest, Effective((*view_.Submission(left))->handling()));
    }
    for (const store::SubmissionRow& member : members) {
      organizations.insert(member.organization());
      strictest = std::max(strictest, Effective(member.handling()));
      EXPECT_EQ(member.exercise_id(), row.exercise_id());
      Add(store::List::kCasesByOrganization, member.organization(), BigEndian64(row.case_id()));
    }
    EXPECT_EQ(row.submissions(), members.size()) << row.case_id();
    EXPECT_EQ(row.organizations(), organizations.size()) << row.case_id();
    const std::vector<std::string> listed =
        *view_.OrganizationsOfCase(row.case_id(), "", store::kListMax);
    EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()), organizations);
    EXPECT_EQ(view_.SubmissionsOfCase(row.case_id(), 0, store::kListMax)->size(), members.size());
    if (row.status() == store::v1::CASE_STATUS_JOINED) {
      EXPECT_TRUE(members.empty()) << row.case_id();
      EXPECT_TRUE(cases_.contains(row.merged_into()));
    } else {
      EXPECT_EQ(row.tlp(), strictest) << row.case_id();
    }
    const std::set<std::string> fired(row.fired_rules().begin(), row.fired_rules().end());
    EXPECT_EQ(fired.size(), static_cast<size_t>(row.fired_rules_size())) << "a rule fired twice";
  }
  static v1::Tlp Effective(const v1::Handling& handling) {
    return handling.tlp() == v1::TLP_UNSPECIFIED ? v1::TLP_RED : handling.tlp();
  }
  void CountPersons() {
    const std::vector<store::PersonRow> rows = *view_.Persons("", store::kListMax);
    for (const store::PersonRow& row : rows) {
      const auto& person = row.person();
      Add(store::List::kPersonsOf, person.organization(), person.id());
      const bool disabled = person.disabled() ||
                            (*view_.Organization(person.organization()))->organization().disabled();
      for (const int role : person.roles()) {
        if (role == v1::ROLE_ADMINISTRATOR && !disabled) ++administrators_;
      }
      const std::vector<std::string> sessions =
          *view_.Ids(store::List::kSessionsOf, person.id(), "", store::kListMax);
      EXPECT_LE(sessions.size(), disabled ? 0 : kSessionsPerPersonMax) << person.id();
      for (const std::string& session : sessions) {
        EXPECT_EQ((*view_.Session(session))->person(), person.id());
      }
    }
  }
  void CountExchanges() {
    const std::vector<store::QuestionRow> questions = *view_.Questions("", store::kListMax);
    for (const store::QuestionRow& row : questions) {
      Add(store::List::kQuestionsOfCase, store::NumberOwner(row.case_id()), row.question_id());
      Add(store::List::kQuestionsTo, row.organization(), row.question_id());
      if (row.state() == store::v1::QUESTION_STATE_ASKED) {
        Add(store::List::kQuestionsOpen, "", row.question_id());
      }
    }
    const std::vector<store::SampleRow> samples = *view_.Samples("", store::kListMax);
    for (const store::SampleRow& row : samples) {
      Add(store::List::kSamplesOf, row.organization(), row.sample_id());
      if (row.case_id() == 0) continue;
      Add(store::List::kSamplesOfCase, store::NumberOwner(row.case_id()), row.sample_id());
    }
    const std::vector<store::AnalysisRequestRow> requests =
        *view_.AnalysisRequests("", store::kListMax);
    for (const store::AnalysisRequestRow& row : requests) {
      Add(store::List::kRequestsOfSample, ToHex(row.sample_id()), row.request_id());
      Add(store::List::kRequestsOf, row.organization(), row.request_id());
      Add(store::List::kRequestsByState, std::to_string(row.state()), row.request_id());
    }
    const std::vector<store::ProposalRow> proposals = *view_.Proposals("", store::kListMax);
    for (const store::ProposalRow& row : proposals) {
      const std::string& id = row.proposal().proposal_id();
      if (row.state() == store::v1::PROPOSAL_STATE_OPEN) Add(store::List::kProposalsOpen, "", id);
    }
    const std::vector<store::AuditRow> audit = *view_.Audit(0, store::kListMax);
    for (const store::AuditRow& row : audit) {
      Add(store::List::kAuditOf, row.actor(), BigEndian64(row.sequence()));
    }
  }

  const store::View& view_;
  Lists lists_;
  std::map<uint64_t, store::CaseRow> cases_;
  uint64_t real_cases_ = 0;
  uint64_t administrators_ = 0;
};

class DeedsReplayTest : public ::testing::Test {
 protected:
  DeedsReplayTest() : root_(MakeFolder()) {}
  ~DeedsReplayTest() override { std::filesystem::remove_all(root_); }
  std::string Folder() { return root_ + "/" + std::to_string(++folders_); }

  std::unique_ptr<store::Store> ByBatches(journal::Journal& journal, size_t batch) {
    auto store = *store::Store::Open({Folder()});
    const auto engine = *Engine::Create(store.get());
    while (engine->next() < journal.size()) {
      const auto applied = engine->Apply(*journal.Read(engine->next(), batch, SIZE_MAX));
      EXPECT_TRUE(applied.ok()) << applied.error().message;
      if (!applied.ok()) break;
    }
    return store;
  }

  std::string root_;
  int folders_ = 0;
};

void ExpectLists(const store::View& view) {
  const Recounted recounted(view);
  for (const auto& [list, expected] : recounted.lists()) {
    const std::vector<std::string> ids = *view.Ids(list.first, list.second, "", store::kListMax);
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), expected)
        << "list " << static_cast<char>(list.first) << " of " << list.second;
    EXPECT_TRUE(std::is_sorted(ids.rbegin(), ids.rend()));
  }
  // Owners that are in no row have empty lists.
  const std::pair<store::List, std::vector<std::string>> owners[] = {
      {store::List::kCasesByStatus, {"0", "1", "2", "3"}},
      {store::List::kCasesByAssignee, {"root", "ana", "app", "rep"}},
      {store::List::kCasesByPriority, {"0", "1", "2", "3", "4"}},
      {store::List::kCasesByEventType, {"phishing", "malware", "dos"}},
      {store::List::kCasesByOrganization, {"moj", "nict", "bank", "centre"}},
      {store::List::kQuestionsOpen, {""}},
      {store::List::kRequestsByState, {"0", "1", "2", "3", "4", "5", "6"}},
      {store::List::kProposalsOpen, {""}}};
  for (const auto& [list, names] : owners) {
    for (const std::string& owner : names) {
      if (recounted.lists().contains({list, owner})) continue;
      EXPECT_TRUE(view.Ids(list, owner, "", 1)->empty()) << static_cast<char>(list) << owner;
    }
  }
  EXPECT_EQ(view.Meta()->cases(), recounted.real_cases());
  EXPECT_EQ(view.Meta()->administrators(), recounted.administrators());
}

TEST_F(DeedsReplayTest, AnyBatchAndAnyReplayGiveTheSameStateAndListsAddUp) {
  for (const uint32_t seed : {1u, 2u, 3u, 4u}) {
    MemoryJournal journal;
    DeedScript(&journal, seed).Write(2500);
    const auto store = ByBatches(journal, 1);
    const auto view = store->Snapshot();
    ASSERT_EQ(view->Meta()->applied(), journal.size()) << "seed " << seed;
    ExpectLists(*view);
    const std::string digest = *view->Digest();
    for (const size_t batch : {7, 256}) {
      EXPECT_EQ(*ByBatches(journal, batch)->Snapshot()->Digest(), digest)
          << "seed " << seed << ", batch " << batch;
    }
    const auto rebuilt = Rebuild(&journal, {Folder(), 8, 100});
    ASSERT_TRUE(rebuilt.ok()) << rebuilt.error().message;
    EXPECT_EQ(rebuilt->digest, digest) << "seed " << seed;
  }
}

// The script is worth something only if much of what it does is done, and much is not.
TEST_F(DeedsReplayTest, ScriptDoesAndIsRefusedOfEveryKind) {
  MemoryJournal journal;
  DeedScript(&journal, 1).Write(4000);
  const auto store = ByBatches(journal, 256);
  std::map<std::string, std::pair<int, int>> counts;  // Done, refused.
  const std::vector<store::AuditRow> audit = *store->Snapshot()->Audit(0, store::kListMax);
  for (const store::AuditRow& row : audit) {
    auto& [done, refused] = counts[row.what()];
    ++(row.refused().empty() ? done : refused);
  }
  EXPECT_GE(counts.size(), 24u);
  for (const auto& [what, count] : counts) {
    EXPECT_GT(count.first, 2) << what;
    EXPECT_GT(count.second, 0) << what;
  }
}

}  // namespace
}  // namespace noroshi::engine
