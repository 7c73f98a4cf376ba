// Answers of the admin socket as text for people.
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace noroshi::admin {

// The answer to this verb, ending with a newline (or empty). Control characters
// in values are replaced: a mail's subject cannot steer the terminal. Lines that
// a person reads carry Japanese and English labels.
std::string Render(const std::string& verb, const boost::json::object& answer);

}  // namespace noroshi::admin
