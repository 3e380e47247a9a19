"""What containers under proot are excused from: the one table. With --closed these are not asked for."""

import pytest

# whole tests, by name
TESTS = {
    "test_a_container_looks_like_a_program_of_its_own": "the machine's processes are visible",
    "test_nothing_of_this_machine_shows": "the host name is this machine's, and there is a /run",
    "test_this_machines_files_cannot_be_written": "/usr/local of the image can be read only",
    "test_mounts_need_no_new_warm_parent": "there are no warm parents",
    "test_containers_outlive_their_warm_parent_and_a_new_one_is_made": "there are no warm parents",
    "test_fifty_starts_at_once_leave_no_zombie": "there are no warm parents; test_proot.py has it with eight",
    "test_the_same_as_an_ordinary_user": "it runs all of these once more, without --closed",
    "test_layers_are_stacked_without_lowerdir_plus": "there are no overlays",
    "test_a_container_with_and_without_a_warm_parent": "/usr of the image can be read only",
    "test_a_build_step_gives_files_away": "proot has its own way to answer chown",
    "test_a_build_step_in_which_files_were_given_away_is_known": "proot has its own way to answer chown",
    "test_apt_install_of_a_package_that_this_machine_lacks": "a root file system takes ten minutes there",
    "test_steps_with_foreign_owners": "a root file system takes ten minutes there",
    "test_a_package_that_debian_does_not_have_is_named": "a root file system takes ten minutes there",
    "test_a_build_step_becomes_another_user_and_makes_devices": "proot has its own way; it makes no devices",
    "test_a_container_gives_files_away_and_stays_who_it_is": "proot has its own way to answer chown",
    "test_a_container_that_takes_too_long_to_start_is_ended_with_that_reason": "a start takes a second",
    "test_it_shares_the_containers_files_processes_and_environment": "process ids are this machine's",
    "test_it_has_the_rights_of_the_containers_own_process_and_no_more": "process ids are this machine's",
    "test_a_terminal_in_a_running_container": "a Ctrl-C during the start of a program is lost",
    "test_few_warm_parents_are_kept_and_none_for_long": "there are no warm parents",
    "test_orphans_are_reaped_and_end_with_the_container": "it reads every process of the machine",
    "test_what_the_image_lacks_is_said": "an image without the client is refused at the start",
    "test_output_and_status": "the host name is this machine's",
    "test_a_container_writes_to_its_own_layer_of_a_volume": "a volume is a copy, not an overlay",
    "test_a_read_only_volume_cannot_be_written": "the refusal is EACCES, not EROFS",
    "test_a_linked_folder_is_bound": "the refusal is EACCES, not EROFS",
    "test_remount_shows_a_newer_state": "a copy is replaced in its place: test_proot.py",
    "test_remount_keeps_what_the_container_wrote": "a copy is replaced in its place: test_proot.py",
    "test_remount_is_refused_while_the_volume_is_in_use": "working folders do not count: test_proot.py",
    "test_a_remount_that_fails_leaves_the_volume_as_it_was": "a copy is replaced in its place: test_proot.py",
}

# parts of tests, by a word for them
PARTS = {
    "processes": "the machine's processes are visible",
    "host name": "the host name is this machine's",
    "reason": "the refusal to write is EACCES, not EROFS",
}


def excused(account: object, part: str) -> bool:
    """Whether this account's containers need not do this."""
    assert part in PARTS
    return bool(getattr(account, "is_closed", False))


def skip_excused(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.name.partition("[")[0]
        is_proot = "closed-" in item.name or "proot" in item.name.partition("[")[2]
        if is_proot and name in TESTS:
            item.add_marker(pytest.mark.skip(reason=f"under proot: {TESTS[name]}"))
