# gofarm_embed_files(TARGET HEADER NAMESPACE FILES...): a static library whose HEADER (in <build>/gen) declares, for every
# file, a std::string_view named after it inside NAMESPACE, and kAll, the table of {name, text}.
set(GOFARM_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/embed.cmake")
function(gofarm_embed_files target header namespace)
  set(out_h "${CMAKE_BINARY_DIR}/gen/${header}")
  string(REGEX REPLACE "\\.h$" ".cc" out_cc "${out_h}")
  set(files "")
  foreach(f IN LISTS ARGN)
    get_filename_component(path "${f}" ABSOLUTE)
    list(APPEND files "${path}")
  endforeach()
  string(REPLACE ";" "|" joined "${files}")
  add_custom_command(
    OUTPUT "${out_h}" "${out_cc}"
    COMMAND ${CMAKE_COMMAND} -DOUT_H=${out_h} -DOUT_CC=${out_cc} -DHEADER=${header} -DNAMESPACE=${namespace}
            "-DFILES=${joined}" -P ${GOFARM_EMBED_SCRIPT}
    DEPENDS ${files} ${GOFARM_EMBED_SCRIPT}
    VERBATIM)
  add_library(${target} STATIC "${out_cc}" "${out_h}")
  target_include_directories(${target} PUBLIC "${CMAKE_BINARY_DIR}/gen")
endfunction()
