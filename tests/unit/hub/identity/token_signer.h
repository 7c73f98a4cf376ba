// Keys and signed tokens as a provider makes them, good or bad. Over libjose.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace noroshi::identity {

struct SignerKey {
  std::string private_jwk;
  std::string public_jwk;  // With "kid".
};

// algorithm: "ES256", "RS256", "PS256" or another that libjose knows.
SignerKey MakeSignerKey(const std::string& algorithm, const std::string& kid);

// The compact form. header: as it is to be sent.
std::string SignToken(const SignerKey& key, const boost::json::object& header,
                      const boost::json::object& claims);

// Header and claims with any third part: forged.
std::string AssembleToken(const boost::json::object& header, const boost::json::object& claims,
                          const std::string& signature);

}  // namespace noroshi::identity
