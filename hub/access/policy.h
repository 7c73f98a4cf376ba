// The policy: who may do what to what. One table, deny by default; the HTTP API
// and the admin socket ask it about the very object that is read or changed.
//
// An actor holds roles at one organisation. At the centre its roles decide alone;
// elsewhere they reach what belongs to the actor's organisation ("own") and what
// was sent to it ("received"), and nothing else.
//
// Content carries a marking. Beyond the table:
//   RED      at the centre analysts and approvers read it, at an organisation that
//            received it its liaisons; the organisation that wrote it reads it.
//   circles  whoever did not write it must be cleared for every circle of it.
// Reading such content is to be recorded (Decision::record).
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "noroshi/v1/action.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::access {

enum class Deed : uint8_t {
  kSelf,  // One's own person, second factor, sessions; events; status.
  kOrganizationRead,
  kOrganizationChange,
  kAgentRead,
  kAgentManage,  // Tokens, revocation.
  kPersonRead,
  kPersonManage,  // Records, roles, links, others' sessions.
  kCaseRead,
  kCaseOpen,
  kCaseTriage,   // Assign, classify, prioritise, note.
  kCaseRegroup,  // Join, split.
  kCaseClose,    // And reopen.
  kReportRead,   // Submissions: reports, mails, observations.
  kReportFile,   // As one's own organisation.
  kReportEnter,  // For an organisation that told by telephone, fax, mail.
  kMarkingLoosen,
  kAlertRead,
  kAlertPropose,
  kAlertDecide,
  kDeliveryRead,  // Who got an alert, and who has read it.
  kDeliveryMark,
  kQuestionRead,
  kQuestionAsk,  // And withdraw.
  kQuestionAnswer,
  kSampleRead,  // What is known of it.
  kSampleStore,
  kSampleTake,  // Its content.
  kAnalysisRequest,
  kAnalysisMove,
  kAuditRead,
};
inline constexpr size_t kDeeds = static_cast<size_t>(Deed::kAuditRead) + 1;
// "case_read" and so on.
std::string_view DeedName(Deed deed);

struct Actor {
  enum class Kind {
    kNobody,  // Not signed in.
    kPerson,
    kLocal,  // At the admin socket: who runs the machine.
  };
  Kind kind = Kind::kNobody;
  std::string id;            // "person:<id>", "admin:<login>"
  std::string organization;  // Empty for kLocal.
  bool centre = false;       // Its organisation is the centre.
  std::vector<v1::Role> roles;
  std::vector<std::string> circles;  // For which it is cleared.
};

// What is to be read or changed, or where something new is to be made.
struct Object {
  std::string owner;      // Organisation that wrote it or that it is about; empty: the centre.
  bool received = false;  // It was sent to the actor's organisation.
  v1::Tlp tlp = v1::TLP_CLEAR;       // Unspecified counts as RED.
  std::vector<std::string> circles;  // Circles to which its content is confined.
};

struct Decision {
  bool allowed = false;
  bool record = false;  // Allowed, and reading it is to be an entry.
};

Decision Decide(const Actor& actor, Deed deed, const Object& object);

// The deed by which one sees such an object at all: who may not do it is told that
// there is no such thing.
Deed ReadingDeed(Deed deed);

}  // namespace noroshi::access
