// What the command line does with a hub's files while no hub runs on them: every
// function takes the data folder's lock, so that it never meets a running hub.
//
// Threads: call from one thread. Errors say which file and what to do.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::app {

struct InitRequest {
  std::string data;
  std::string name;
  std::string listen;
  std::vector<std::string> host_names;
  std::string web_listen = {};          // Empty: beside `listen`, on port 8444 (or any free one).
  std::string administrator = "admin";  // Login of the first administrator.
};

// Makes data folder, keys, certificate authority, configuration, and a journal with
// the centre's organisation and the first administrator; the answer holds the
// one-time link with which that person signs in first. kConflict if the folder holds
// a hub already; nothing is overwritten.
Result<boost::json::object> Init(const InitRequest& request);

// Reads everything and names what does not fit: {"entries", "findings": [{"where",
// "sequence", "what"}], "state"}. backup_folder: verify that backup instead.
Result<boost::json::object> Verify(const std::string& data, const std::string& backup_folder);

// Replays the journal into a new state and puts it in place of the old one.
Result<boost::json::object> Rebuild(const std::string& data, int workers, int batch);

// A backup becomes a new hub in an empty data folder, with a new log id that
// commits to the old head.
Result<boost::json::object> Restore(const std::string& data, const std::string& backup_folder,
                                    const std::string& reason);

// Only reads hub.toml and says whether it is right.
Result<boost::json::object> CheckConfig(const std::string& data);

}  // namespace noroshi::app
