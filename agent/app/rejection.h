// What the hub refused for good, as it is told to people.
//
// Threads: pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace noroshi::agent {

// A file of spool/rejected as a value; what cannot be read becomes an object that says so.
boost::json::value RejectionValue(const std::string& text);
// One line of it without the submission's id: "title: too long (at most 512 bytes)".
std::string RejectionLine(const boost::json::value& rejection);

}  // namespace noroshi::agent
