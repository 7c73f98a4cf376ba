// Keys of the state's tables. Readable: a word, '/', then identifiers ended by
// 0x00 and numbers as 8 big-endian bytes; texts that are no identifiers and do not
// end the key come after their length. Every key ends in a part of fixed length or
// in its only part of free length, so no two rows share a key.
//
// Threads: pure functions. For hub/store only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/encoding.h"
#include "hub/store/view.h"

namespace noroshi::store::keys {

inline constexpr std::string_view kMeta = "meta";
inline constexpr std::string_view kRules = "rules";
inline constexpr std::string_view kOrganization = "org/";
inline constexpr std::string_view kPlaces = "places/";
inline constexpr std::string_view kAgent = "agent/";
inline constexpr std::string_view kCursors = "cursors/";
inline constexpr std::string_view kToken = "token/";
inline constexpr std::string_view kSubmission = "sub/";
inline constexpr std::string_view kSubmissionId = "subid/";
inline constexpr std::string_view kCase = "case/";
inline constexpr std::string_view kCaseMember = "casesub/";
inline constexpr std::string_view kCaseOrganization = "caseorg/";
inline constexpr std::string_view kThread = "thread/";
inline constexpr std::string_view kVariant = "variant/";
inline constexpr std::string_view kBand = "band/";
inline constexpr std::string_view kTie = "tie/";
inline constexpr std::string_view kPending = "pending/";
inline constexpr std::string_view kAlert = "alert/";
inline constexpr std::string_view kAlertNumber = "alertno/";
inline constexpr std::string_view kAudience = "audience/";
inline constexpr std::string_view kAlertReads = "alertreads/";
inline constexpr std::string_view kDelivery = "delivery/";
inline constexpr std::string_view kDeadline = "deadline/";
inline constexpr std::string_view kOutbox = "outbox/";
inline constexpr std::string_view kOutboxAlerts = "outboxalerts/";
inline constexpr std::string_view kRestore = "restore/";

inline constexpr std::string_view kPerson = "person/";
inline constexpr std::string_view kIdentity = "identity/";
inline constexpr std::string_view kPersonCertificate = "pcert/";
inline constexpr std::string_view kLocalLogin = "login/";
inline constexpr std::string_view kLink = "link/";
inline constexpr std::string_view kSession = "session/";
inline constexpr std::string_view kCaseEvent = "caseevent/";
inline constexpr std::string_view kQuestion = "question/";
inline constexpr std::string_view kSample = "sample/";
inline constexpr std::string_view kAnalysisRequest = "arequest/";
inline constexpr std::string_view kProposal = "proposal/";
inline constexpr std::string_view kAudit = "audit/";
inline constexpr std::string_view kRequest = "request/";
inline constexpr std::string_view kRequestTime = "requesttime/";
inline constexpr std::string_view kList = "list/";

inline constexpr size_t kAlertIdBytes = 16;

std::string Text(std::string_view table, std::string_view id);
std::string Number(std::string_view table, uint64_t number);
// table first 0x00 second
std::string Pair(std::string_view table, std::string_view first, std::string_view second);
// An issuer is a URL, as somebody else wrote it.
std::string Identity(std::string_view issuer, std::string_view subject);
std::string CaseMember(uint64_t case_id, uint64_t sequence);
std::string CaseOrganization(uint64_t case_id, std::string_view organization);
std::string Thread(std::string_view organization, std::string_view realm,
                   std::string_view thread_id);
std::string Pending(const PendingAnalysis& pending);
// first: the organisation that the row begins with.
std::string Deliveries(std::string_view alert_id, std::string_view first);
std::string Deadline(const store::Deadline& deadline);
std::string CaseEvent(uint64_t case_id, uint64_t sequence);
// When a request was made; the value is its key in kRequest.
std::string RequestTime(const RequestRow& row);
// The whole of one list, and one of its items.
std::string ListOf(List list, std::string_view owner);
std::string ListItem(List list, std::string_view owner, std::string_view id);
std::string Outbox(std::string_view organization, uint64_t position);
// first: the position of the row's first alert.
std::string OutboxAlerts(std::string_view organization, uint64_t first);

// The smallest key that is greater than every key with this prefix; empty: none.
std::string After(std::string_view prefix);

// A key for a person: printable, other bytes as \xx.
std::string Printable(std::string_view key);

}  // namespace noroshi::store::keys
