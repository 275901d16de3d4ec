use cordon_sys::*;

#[test]
fn the_table_lies_where_it_was_generated() {
    let members = table_members();
    assert!(members.len() >= 28);
    for (name, generated, built) in members {
        assert_eq!(built, generated, "{name}");
    }
    assert_eq!(std::mem::size_of::<cordon_api_v1>(), TABLE_SIZE);
}

#[test]
fn the_library_has_each_function_at_its_place_in_the_table() {
    let table = unsafe { cordon_get_api(CORDON_ABI_VERSION / 1_000_000) };
    assert!(!table.is_null());
    unsafe {
        assert!((*table).struct_size as usize >= TABLE_SIZE);
        assert_eq!((*table).abi_version, cordon_abi_version());
        assert!((*table).abi_version >= CORDON_ABI_VERSION);
        for (number, (in_table, by_name)) in table_and_symbols(table).into_iter().enumerate() {
            assert_ne!(in_table, 0);
            assert_eq!(in_table, by_name, "function {number}");
        }
    }
}
