// Why an action changed nothing: a stable word, a colon, and words for a person.
// The audit keeps it, and whoever appended the action answers with it.
//
// Threads: constants.
#pragma once

#include <string>

namespace noroshi::engine {

inline const std::string kRefusedNotFound = "not_found: there is no such thing any more";
inline const std::string kRefusedStale =
    "stale: somebody changed it in the meantime; read it again, then repeat";
inline const std::string kRefusedState = "conflict: its present state does not allow this";
inline const std::string kRefusedClosed =
    "conflict: the case that is to stay is closed; reopen it first";
inline const std::string kRefusedRealm =
    "conflict: an exercise and the real thing are never one matter";
inline const std::string kRefusedTooMany = "too_large: more submissions than one action may move";
inline const std::string kRefusedTooLong = "too_large: the text is longer than may be";
inline const std::string kRefusedOwner = "denied: it belongs to another organisation";
inline const std::string kRefusedSamePerson = "denied: another person has to decide this";
inline const std::string kRefusedRoles =
    "invalid: these roles do not fit the person's organisation";
inline const std::string kRefusedLastAdministrator =
    "conflict: nobody would be left who can administer the hub";
inline const std::string kRefusedUsed = "conflict: it has been used already, or it has expired";
inline const std::string kRefusedDisabled = "denied: the person or its organisation is disabled";
inline const std::string kRefusedLooser = "invalid: the marking is not looser than the present one";
inline const std::string kRefusedAlert = "invalid: an alert like this cannot be issued";
inline const std::string kRefusedRepeated = "conflict: this call was made before; it is done once";
inline const std::string kRefusedTaken = "conflict: it belongs to another person";

}  // namespace noroshi::engine
