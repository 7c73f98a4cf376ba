#include "hub/store/keys.h"

#include <fmt/format.h>

#include "common/base/check.h"

namespace noroshi::store::keys {

std::string Text(std::string_view table, std::string_view id) {
  std::string key(table);
  key.append(id);
  return key;
}

std::string Number(std::string_view table, uint64_t number) {
  std::string key(table);
  AppendBigEndian64(number, &key);
  return key;
}

std::string Pair(std::string_view table, std::string_view first, std::string_view second) {
  std::string key;
  key.reserve(table.size() + first.size() + 1 + second.size());
  key.append(table).append(first).push_back('\0');
  key.append(second);
  return key;
}

std::string Identity(std::string_view issuer, std::string_view subject) {
  return Number(kIdentity, issuer.size()).append(issuer).append(subject);
}

std::string CaseMember(uint64_t case_id, uint64_t sequence) {
  std::string key = Number(kCaseMember, case_id);
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string CaseOrganization(uint64_t case_id, std::string_view organization) {
  return Number(kCaseOrganization, case_id).append(organization);
}

std::string Thread(std::string_view organization, std::string_view realm,
                   std::string_view thread_id) {
  std::string key = Pair(kThread, organization, realm);
  key.push_back('\0');
  return key.append(thread_id);
}

std::string Pending(const PendingAnalysis& pending) {
  std::string key(kPending);
  AppendBigEndian32(pending.priority, &key);
  AppendBigEndian64(pending.sequence, &key);
  return key;
}

std::string Deliveries(std::string_view alert_id, std::string_view first) {
  return Text(kDelivery, alert_id).append(first);
}

std::string Deadline(const store::Deadline& deadline) {
  NOROSHI_CHECK(deadline.time_ms >= 0 && deadline.alert_id.size() == kAlertIdBytes);
  return Number(kDeadline, static_cast<uint64_t>(deadline.time_ms)).append(deadline.alert_id);
}

std::string CaseEvent(uint64_t case_id, uint64_t sequence) {
  std::string key = Number(kCaseEvent, case_id);
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string RequestTime(const RequestRow& row) {
  std::string key = Number(kRequestTime, static_cast<uint64_t>(row.time_ms()));
  AppendBigEndian64(row.sequence(), &key);
  return key;
}

std::string ListOf(List list, std::string_view owner) {
  std::string key(kList);
  key.push_back(static_cast<char>(list));
  AppendBigEndian32(static_cast<uint32_t>(owner.size()), &key);
  return key.append(owner);
}

std::string ListItem(List list, std::string_view owner, std::string_view id) {
  return ListOf(list, owner).append(id);
}

std::string Outbox(std::string_view organization, uint64_t position) {
  std::string key = Pair(kOutbox, organization, "");
  AppendBigEndian64(position, &key);
  return key;
}

std::string OutboxAlerts(std::string_view organization, uint64_t first) {
  std::string key = Pair(kOutboxAlerts, organization, "");
  AppendBigEndian64(first, &key);
  return key;
}

std::string After(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty() && static_cast<unsigned char>(key.back()) == 0xff) key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
  return key;
}

std::string Printable(std::string_view key) {
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      out.push_back(c);
    } else {
      out += fmt::format("\\{:02x}", byte);
    }
  }
  return out;
}

}  // namespace noroshi::store::keys
