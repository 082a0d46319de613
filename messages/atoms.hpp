#pragma once

#include <caf/type_id.hpp>

// The verbs of the messages: `vef::embed_atom` is a type, `vef::embed_atom_v` its value. At most 10
// characters.
CAF_BEGIN_TYPE_ID_BLOCK(vef_atoms, caf::first_custom_type_id)
// What anybody may say.
CAF_ADD_ATOM(vef_atoms, vef, backends_atom, "backends")
CAF_ADD_ATOM(vef_atoms, vef, create_atom, "create")
CAF_ADD_ATOM(vef_atoms, vef, demote_atom, "demote")
CAF_ADD_ATOM(vef_atoms, vef, drain_atom, "drain")
CAF_ADD_ATOM(vef_atoms, vef, embed_atom, "embed")
CAF_ADD_ATOM(vef_atoms, vef, event_atom, "event")
CAF_ADD_ATOM(vef_atoms, vef, find_atom, "find")
CAF_ADD_ATOM(vef_atoms, vef, grow_atom, "grow")
CAF_ADD_ATOM(vef_atoms, vef, load_atom, "load")
CAF_ADD_ATOM(vef_atoms, vef, models_atom, "models")
CAF_ADD_ATOM(vef_atoms, vef, pin_atom, "pin")
CAF_ADD_ATOM(vef_atoms, vef, plan_atom, "plan")
CAF_ADD_ATOM(vef_atoms, vef, pressure_atom, "pressure")
CAF_ADD_ATOM(vef_atoms, vef, put_atom, "put")
CAF_ADD_ATOM(vef_atoms, vef, release_atom, "release")
CAF_ADD_ATOM(vef_atoms, vef, reserve_atom, "reserve")
CAF_ADD_ATOM(vef_atoms, vef, settle_atom, "settle")
CAF_ADD_ATOM(vef_atoms, vef, shutdown_atom, "shutdown")
CAF_ADD_ATOM(vef_atoms, vef, status_atom, "status")
CAF_ADD_ATOM(vef_atoms, vef, stop_atom, "stop")
CAF_ADD_ATOM(vef_atoms, vef, subscribe_atom, "subscribe")
CAF_ADD_ATOM(vef_atoms, vef, trim_atom, "trim")
CAF_ADD_ATOM(vef_atoms, vef, unload_atom, "unload")
CAF_ADD_ATOM(vef_atoms, vef, usage_atom, "usage")
// What actors of one process say among themselves.
CAF_ADD_ATOM(vef_atoms, vef, embedded_atom, "embedded")
CAF_ADD_ATOM(vef_atoms, vef, expire_atom, "expire")
CAF_ADD_ATOM(vef_atoms, vef, loaded_atom, "loaded")
CAF_ADD_ATOM(vef_atoms, vef, made_atom, "made")
CAF_ADD_ATOM(vef_atoms, vef, moved_atom, "moved")
CAF_ADD_ATOM(vef_atoms, vef, prepared_atom, "prepared")
CAF_ADD_ATOM(vef_atoms, vef, trimmed_atom, "trimmed")
CAF_ADD_ATOM(vef_atoms, vef, unloaded_atom, "unloaded")
CAF_END_TYPE_ID_BLOCK(vef_atoms)
