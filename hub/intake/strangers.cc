#include "hub/intake/strangers.h"

#include <algorithm>
#include <map>

#include "common/tls/address.h"

namespace noroshi::intake {

Session* Strangers::Add(Session* session, const std::string& peer_address) {
  all_.push_back({session, tls::NetworkOf(peer_address)});
  if (all_.size() <= max_) return nullptr;
  std::map<std::string, size_t> counts;
  for (const Stranger& stranger : all_) ++counts[stranger.network];
  // Among equals the first, which is the oldest.
  const auto loser = std::max_element(
      all_.begin(), all_.end(),
      [&](const Stranger& a, const Stranger& b) { return counts[a.network] < counts[b.network]; });
  Session* gone = loser->session;
  all_.erase(loser);
  return gone;
}

void Strangers::Remove(const Session* session) {
  all_.remove_if([&](const Stranger& stranger) { return stranger.session == session; });
}

}  // namespace noroshi::intake
