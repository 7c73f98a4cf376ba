// Rows of persons and what they do, and the lists that lead to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "common/base/encoding.h"
#include "hub/store/store.h"

namespace noroshi::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr List kLists[] = {List::kCasesByStatus,
                           List::kCasesByAssignee,
                           List::kCasesByPriority,
                           List::kCasesByEventType,
                           List::kCasesByOrganization,
                           List::kCasesByKind,
                           List::kPersonsOf,
                           List::kSessionsOf,
                           List::kQuestionsOfCase,
                           List::kQuestionsTo,
                           List::kQuestionsOpen,
                           List::kSamplesOfCase,
                           List::kSamplesOf,
                           List::kRequestsOfSample,
                           List::kRequestsByState,
                           List::kRequestsOf,
                           List::kProposalsOpen,
                           List::kAuditOf,
                           List::kLinksOf,
                           List::kTokensOf};

class ListsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/lists.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    auto opened = Store::Open({root_ + "/state"});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::move(*opened);
    transaction_ = store_->Begin();
  }
  void TearDown() override {
    transaction_.reset();
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  // The same answer from the open transaction, and from the database after a commit.
  template <typename Check>
  void InBoth(const Check& check) {
    check(*transaction_);
    ASSERT_TRUE(transaction_->Commit().ok());
    check(*transaction_);
    check(*store_->Snapshot());
  }
  void SetAudit(uint64_t sequence) {
    AuditRow row;
    row.set_sequence(sequence);
    transaction_->AddAudit(row);
  }
  void SetOutbox(const std::string& organization, uint64_t position) {
    OutboxRow row;
    row.set_reason(organization);
    transaction_->SetOutbox(organization, position, row);
  }
  static std::vector<uint64_t> Positions(const std::vector<std::pair<uint64_t, OutboxRow>>& rows) {
    std::vector<uint64_t> positions;
    for (const auto& [position, row] : rows) positions.push_back(position);
    return positions;
  }

  std::string root_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Transaction> transaction_;
};

TEST_F(ListsTest, IdsDescendFromTheirBound) {
  for (const uint64_t id : {3, 1, 300, 2}) {
    transaction_->AddToList(List::kCasesByStatus, "0", BigEndian64(id));
  }
  transaction_->AddToList(List::kCasesByStatus, "0", BigEndian64(7));
  transaction_->RemoveFromList(List::kCasesByStatus, "0", BigEndian64(7));
  InBoth([](const View& view) {
    const auto ids = [&](const std::string& before, size_t limit) {
      return *view.Ids(List::kCasesByStatus, "0", before, limit);
    };
    EXPECT_THAT(ids("", 10),
                ElementsAre(BigEndian64(300), BigEndian64(3), BigEndian64(2), BigEndian64(1)));
    EXPECT_THAT(ids(BigEndian64(3), 10), ElementsAre(BigEndian64(2), BigEndian64(1)));
    EXPECT_THAT(ids(BigEndian64(4), 1), ElementsAre(BigEndian64(3))) << "it need not be there";
    EXPECT_THAT(ids(BigEndian64(UINT64_MAX), 1), ElementsAre(BigEndian64(300)));
    EXPECT_THAT(ids(BigEndian64(1), 10), IsEmpty());
    EXPECT_THAT(ids("", 0), IsEmpty());
  });
}

TEST_F(ListsTest, IdsStopAtTheMaximum) {
  for (uint64_t id = 1; id <= kListMax + 1; ++id) {
    transaction_->AddToList(List::kAuditOf, "person:a", BigEndian64(id));
  }
  InBoth([](const View& view) {
    const auto ids = *view.Ids(List::kAuditOf, "person:a", "", kListMax + 1);
    EXPECT_EQ(ids.size(), kListMax);
    EXPECT_EQ(*view.Ids(List::kAuditOf, "person:a", ids.back(), 10),
              std::vector<std::string>{BigEndian64(1)});
  });
}

// Whatever the owners are: empty, a prefix of another, with bytes that look like an id.
TEST_F(ListsTest, ListsOfDifferentOwnersNeverMix) {
  const std::string id(16, '\0');
  const std::vector<std::string> owners = {"",
                                           "a",
                                           "ab",
                                           "abc",
                                           "b",
                                           std::string("a\0", 2),
                                           std::string("a\0b", 3),
                                           std::string("\0", 1),
                                           std::string(1, '\xff'),
                                           std::string(2, '\xff'),
                                           "1",
                                           "10"};
  for (const List list : kLists) {
    for (size_t i = 0; i < owners.size(); ++i) {
      transaction_->AddToList(list, owners[i], id + static_cast<char>('A' + i));
      transaction_->AddToList(list, owners[i], "");
    }
  }
  InBoth([&](const View& view) {
    for (const List list : kLists) {
      for (size_t i = 0; i < owners.size(); ++i) {
        EXPECT_THAT(*view.Ids(list, owners[i], "", 100),
                    ElementsAre(id + static_cast<char>('A' + i), ""))
            << static_cast<char>(list) << i;
      }
    }
  });
}

TEST_F(ListsTest, SubmissionsOfAnOrganisationAreItsOwnNewestIdFirst) {
  const auto id = [](char c) { return std::string(16, c); };
  for (const char* organization : {"mo", "moj", "moj-2"}) {
    transaction_->SetSubmissionId(organization, id('a'), 1);
    transaction_->SetSubmissionId(organization, id('c'), 2);
    transaction_->SetSubmissionId(organization, id('b'), 3);
  }
  transaction_->SetSubmissionId("mo", id('\xff'), 4);
  InBoth([&](const View& view) {
    EXPECT_THAT(*view.SubmissionsOf("moj", "", 10), ElementsAre(2, 3, 1));
    EXPECT_THAT(*view.SubmissionsOf("moj", id('c'), 1), ElementsAre(3));
    EXPECT_THAT(*view.SubmissionsOf("moj", id('a'), 10), IsEmpty());
    EXPECT_THAT(*view.SubmissionsOf("mo", "", 10), ElementsAre(4, 2, 3, 1));
    EXPECT_THAT(*view.SubmissionsOf("m", "", 10), IsEmpty());
    EXPECT_THAT(*view.SubmissionsOf("", "", 10), IsEmpty());
    EXPECT_THAT(*view.SubmissionsOf("moj", "", 0), IsEmpty());
  });
}

TEST_F(ListsTest, OutboxIsReadBackwardsFromAPosition) {
  for (const char* organization : {"mo", "moj", "moj-2"}) {
    for (const uint64_t position : {1, 2, 300}) SetOutbox(organization, position);
  }
  InBoth([](const View& view) {
    const auto rows = *view.OutboxBefore("moj", 0, 10);
    EXPECT_THAT(Positions(rows), ElementsAre(300, 2, 1));
    for (const auto& [position, row] : rows) EXPECT_EQ(row.reason(), "moj");
    EXPECT_THAT(Positions(*view.OutboxBefore("moj", 300, 10)), ElementsAre(2, 1));
    EXPECT_THAT(Positions(*view.OutboxBefore("moj", 3, 1)), ElementsAre(2));
    EXPECT_THAT(Positions(*view.OutboxBefore("mo", UINT64_MAX, 10)), ElementsAre(300, 2, 1));
    EXPECT_THAT(*view.OutboxBefore("moj", 1, 10), IsEmpty());
    EXPECT_THAT(*view.OutboxBefore("", 0, 10), IsEmpty());
    EXPECT_THAT(*view.OutboxBefore("moj", 0, 0), IsEmpty());
  });
}

TEST_F(ListsTest, AuditIsReadBackwards) {
  for (const uint64_t sequence : {5, 70, 6}) SetAudit(sequence);
  InBoth([](const View& view) {
    EXPECT_EQ(view.Audit(0, 10)->size(), 3u);
    EXPECT_EQ(view.Audit(0, 1)->front().sequence(), 70u);
    EXPECT_EQ(view.Audit(70, 1)->front().sequence(), 6u);
    EXPECT_TRUE(view.Audit(5, 10)->empty());
    EXPECT_TRUE(view.AuditOf(6)->has_value());
    EXPECT_FALSE(view.AuditOf(7)->has_value());
  });
}

TEST_F(ListsTest, EventsOfACaseComeInOrderOfTime) {
  for (const uint64_t sequence : {9, 3, 300}) {
    CaseEventRow row;
    row.set_sequence(sequence);
    transaction_->AddCaseEvent(1, row);
    transaction_->AddCaseEvent(256, row);
  }
  InBoth([](const View& view) {
    const auto events = *view.CaseEvents(1, 0, 10);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].sequence(), 3u);
    EXPECT_EQ(events[2].sequence(), 300u);
    EXPECT_EQ(view.CaseEvents(1, 3, 1)->front().sequence(), 9u);
    EXPECT_TRUE(view.CaseEvents(1, 300, 10)->empty());
    EXPECT_TRUE(view.CaseEvents(2, 0, 10)->empty());
  });
}

TEST_F(ListsTest, PersonsComeByIdAndOthersNewestFirst) {
  for (const char* id : {"b", "a", "ab"}) {
    PersonRow row;
    row.mutable_person()->set_id(id);
    transaction_->SetPerson(row);
  }
  for (const char c : {'x', 'z', 'y'}) {
    QuestionRow row;
    row.set_question_id(std::string(16, c));
    transaction_->SetQuestion(row);
  }
  InBoth([](const View& view) {
    const auto persons = *view.Persons("", 10);
    ASSERT_EQ(persons.size(), 3u);
    EXPECT_EQ(persons[0].person().id(), "a");
    EXPECT_EQ(persons[1].person().id(), "ab");
    EXPECT_EQ(view.Persons("a", 1)->front().person().id(), "ab");
    EXPECT_TRUE(view.Persons("b", 10)->empty());
    EXPECT_EQ(view.Questions("", 1)->front().question_id(), std::string(16, 'z'));
    EXPECT_EQ(view.Questions(std::string(16, 'z'), 1)->front().question_id(), std::string(16, 'y'));
    EXPECT_TRUE(view.Questions(std::string(16, 'x'), 1)->empty());
  });
}

TEST_F(ListsTest, IdentitiesWithOddBytesAreDifferentOnes) {
  const std::pair<std::string, std::string> identities[] = {{"a", std::string("b\0c", 3)},
                                                            {std::string("a\0b", 3), "c"},
                                                            {"", std::string("a\0b\0c", 5)},
                                                            {std::string("a\0b\0c", 5), ""},
                                                            {"ab", "c"},
                                                            {"a", "bc"}};
  for (const auto& [issuer, subject] : identities) {
    transaction_->SetIdentity(issuer, subject, issuer + "|" + subject);
  }
  InBoth([&](const View& view) {
    for (const auto& [issuer, subject] : identities) {
      EXPECT_EQ(**view.PersonOfIdentity(issuer, subject), issuer + "|" + subject);
    }
  });
  transaction_->RemoveIdentity("a", "bc");
  EXPECT_FALSE(transaction_->PersonOfIdentity("a", "bc")->has_value());
  EXPECT_TRUE(transaction_->PersonOfIdentity("ab", "c")->has_value());
}

TEST_F(ListsTest, RequestsOfDifferentActorsAreDifferentOnes) {
  RequestRow row;
  row.set_sequence(1);
  transaction_->SetRequest("person:a", std::string(32, 'k'), row);
  InBoth([](const View& view) {
    EXPECT_TRUE(view.Request("person:a", std::string(32, 'k'))->has_value());
    EXPECT_FALSE(view.Request("person:", "a" + std::string(32, 'k'))->has_value());
    EXPECT_FALSE(view.Request("person:ak", std::string(31, 'k'))->has_value());
  });
}

TEST_F(ListsTest, OldRequestsAreFoundByTheirTime) {
  for (uint64_t i = 1; i <= 3; ++i) {
    RequestRow row;
    row.set_sequence(i);
    row.set_time_ms(static_cast<int64_t>(100 * i));
    transaction_->SetRequest("person:a", std::string(32, static_cast<char>('a' + i)), row);
  }
  InBoth([](const View& view) {
    EXPECT_TRUE(view.RequestsBefore(100, 10)->empty());
    const auto old = view.RequestsBefore(300, 10);
    ASSERT_EQ(old->size(), 2u);
    EXPECT_EQ(old->front().actor, "person:a");
    EXPECT_EQ(old->front().key, std::string(32, 'b'));
    EXPECT_EQ(view.RequestsBefore(300, 1)->size(), 1u);
  });
  const auto old = transaction_->RequestsBefore(300, 10);
  for (const auto& each : *old) transaction_->RemoveRequest(each);
  InBoth([](const View& view) {
    EXPECT_TRUE(view.RequestsBefore(300, 10)->empty());
    EXPECT_FALSE(view.Request("person:a", std::string(32, 'b'))->has_value());
    EXPECT_TRUE(view.Request("person:a", std::string(32, 'd'))->has_value());
  });
}

// No table's name begins another's, so no row of the one is taken for one of the other.
TEST_F(ListsTest, RowsOfDifferentTablesWithTheSameIdAreAllThere) {
  const std::string id(16, 'i');
  SampleRow sample;
  sample.set_sample_id(id);
  transaction_->SetSample(sample);
  AnalysisRequestRow request;
  request.set_request_id(id);
  transaction_->SetAnalysisRequest(request);
  ProposalRow proposal;
  proposal.mutable_proposal()->set_proposal_id(id);
  transaction_->SetProposal(proposal);
  SessionRow session;
  session.set_session(id);
  transaction_->SetSession(session);
  transaction_->SetSignInLink(id, LinkRow());
  transaction_->SetPersonCertificate(id, "p");
  transaction_->SetRequest(id, id, RequestRow());
  InBoth([&](const View& view) {
    EXPECT_EQ(view.Samples("", 10)->size(), 1u);
    EXPECT_EQ(view.AnalysisRequests("", 10)->size(), 1u);
    EXPECT_EQ(view.Proposals("", 10)->size(), 1u);
    EXPECT_TRUE(view.Persons("", 10)->empty());
    EXPECT_TRUE(view.Questions("", 10)->empty());
    EXPECT_TRUE(view.Session(id)->has_value());
    EXPECT_TRUE(view.SignInLink(id)->has_value());
    EXPECT_EQ(*view.PersonOfCertificate(id), "p");
  });
  transaction_->RemoveSession(id);
  transaction_->RemoveSignInLink(id);
  transaction_->RemovePersonCertificate(id);
  InBoth([&](const View& view) {
    EXPECT_FALSE(view.Session(id)->has_value());
    EXPECT_FALSE(view.SignInLink(id)->has_value());
    EXPECT_FALSE(view.PersonOfCertificate(id)->has_value());
    EXPECT_TRUE(view.Sample(id)->has_value());
  });
}

}  // namespace
}  // namespace noroshi::store
