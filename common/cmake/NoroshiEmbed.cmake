# noroshi_embed(<target> FILE data/x.toml SYMBOL kX NAMESPACE noroshi::x)
#   Compiles a data file of this folder into the target, as
#     extern const std::string_view kX;        its bytes
#     extern const std::string_view kXSha256;  their SHA-256 in hexadecimal
#   so that the binary needs no file at run time.
function(noroshi_embed target)
  cmake_parse_arguments(ARG "" "FILE;SYMBOL;NAMESPACE" "" ${ARGN})
  set(input ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FILE})
  get_filename_component(name ${ARG_FILE} NAME)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  set(script ${CMAKE_SOURCE_DIR}/common/cmake/EmbedFile.cmake)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DSYMBOL=${ARG_SYMBOL}
            -DNAMESPACE=${ARG_NAMESPACE} -P ${script}
    DEPENDS ${input} ${script}
    VERBATIM)
  # Longer than every compiler must take; the ones that we use do.
  set_source_files_properties(${output} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
  target_sources(${target} PRIVATE ${output})
endfunction()
