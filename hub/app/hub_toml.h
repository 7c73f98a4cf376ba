// hub/app/data/hub.toml.in as a string.
#pragma once

namespace noroshi::app {

extern const char kHubTomlTemplate[];

}  // namespace noroshi::app
