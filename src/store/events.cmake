# The messages of TensorBoard's event files: "store/events.pb-c.h", made from events.proto while building.
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
set(messages ${generated}/store/events.pb-c.c ${generated}/store/events.pb-c.h)
file(MAKE_DIRECTORY ${generated})
add_custom_command(OUTPUT ${messages} VERBATIM
                   COMMAND ${PROTOC_C} --proto_path=${CMAKE_CURRENT_SOURCE_DIR} --c_out=${generated} store/events.proto
                   DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/store/events.proto)
target_sources(muster_store PRIVATE ${messages})
target_include_directories(muster_store PRIVATE ${generated})
