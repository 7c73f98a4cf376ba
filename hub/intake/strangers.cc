#include "hub/intake/strangers.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <map>

#include "common/tls/address.h"

namespace noroshi::intake {
namespace ip = boost::asio::ip;

std::string NetworkOf(const std::string& peer_address) {
  constexpr unsigned short kCustomerBits = 64;  // NOLINT: Asio's type
  const auto parsed = tls::ParseHostPort(peer_address);
  if (!parsed.ok()) return peer_address;
  boost::system::error_code error;
  const ip::address address = ip::make_address(parsed->host, error);
  if (error || address.is_v4()) return parsed->host;
  if (address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
  }
  return ip::make_network_v6(address.to_v6(), kCustomerBits).canonical().to_string();
}

Session* Strangers::Add(Session* session, const std::string& peer_address) {
  all_.push_back({session, NetworkOf(peer_address)});
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
